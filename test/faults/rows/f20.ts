import assert from 'node:assert'
import type { FaultRow } from '../rig/row.js'
import { runRolling } from '../rolling/deploy.js'

const DRAIN_SECONDS = 2

const row: FaultRow = {
  number: 'F20',
  fault: 'both nodes are replaced under load, one after the other',
  ci: false,
  async run(rig) {
    const { url } = await rig.startRedis()
    const startNode = () =>
      rig.startNode({ REDIS_URL: url, REDIS_PREFIX: 'roomcast', DRAIN_SECONDS: String(DRAIN_SECONDS) })
    const { faults, delivered, expected, gaps, endsMs, opensPerSlot } = await runRolling(rig.scope, {
      ...{ startNode, clients: 120, rooms: 4, rate: 10, drainMs: DRAIN_SECONDS * 1000, random: rig.random }
    })
    assert.deepStrictEqual(faults, [])
    assert.strictEqual(delivered, expected)
    const ended = Math.max(...endsMs) / 1000
    return {
      seen:
        `${delivered} of ${expected} heard once; a client's gap p95 ${gaps.percentile(95).toFixed(0)} ms; nobody left ` +
        `or joined for the others; ${opensPerSlot} connections at most in a slot; ended with 0 after ${ended.toFixed(1)} s`,
      held: ['I1', 'I2', 'I3', 'I6', 'I9', 'I10', 'I14']
    }
  }
}

export default row
