import { pausedRow } from '../rig/paused-node.js'

/** Until the others have buried it. */
export default pausedRow({ fault: 'a node is paused past its lease, and goes on', pausedMs: 0, ci: true })
