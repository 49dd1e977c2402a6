import { pausedRow } from '../rig/paused-node.js'

/** Longer than a client may be silent. */
export default pausedRow({ fault: 'a node is paused for 90 s, and goes on', pausedMs: 90_000, ci: false })
