import assert from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerProcess } from '../../support/server-process.js'
import { readMetric } from '../rig/metrics.js'
import type { FaultRow } from '../rig/row.js'
import { runSlowTrial } from '../slow/trial.js'

const MB = 1024 * 1024
const RETAINED = 500
/** A node that kept what the slow one does not take would grow by all that goes past it. */
const PAST_MB = 100
const GROWTH_MB_MAX = 60
const P99_RATIO_MAX = 2
/** Below that the noise of the machine is larger than what is measured. */
const P99_MS_GOOD = 50

const row: FaultRow = {
  number: 'F32',
  fault: 'One member reads nothing for a while, among eight that do',
  ci: false,
  async run(rig) {
    const { nodes } = await rig.startCluster(1, { HISTORY_SIZE: String(RETAINED) })
    const [{ url }] = nodes as [ServerProcess]
    let [over, lagging] = [false, 0]
    const watching = (async () => {
      for (; !over; await sleep(200)) {
        lagging = Math.max(lagging, await readMetric(url, 'roomcast_lagging_connections'))
      }
    })()
    const { violations, rssGrowths, withSlow, withoutSlow, slowHeard, slowMissed } = await runSlowTrial(rig.scope, {
      ...{ url, fastReaders: 8, bytes: PAST_MB * MB, messageBytes: 20_000, pace: 8 * MB, turns: 1, retained: RETAINED }
    })
    over = true
    await watching
    assert.deepEqual(violations, [])
    assert.equal(lagging, 1, 'I13: it is counted as lagging')
    const growthMb = Math.max(...rssGrowths) / MB
    assert.ok(growthMb < GROWTH_MB_MAX, `I7: ${growthMb} MB more`)
    const [p99, undisturbed] = [withSlow.percentile(99), withoutSlow.percentile(99)]
    assert.ok(
      p99 < Math.max(P99_MS_GOOD, P99_RATIO_MAX * undisturbed),
      `I8: p99 ${p99} ms instead of ${undisturbed} ms`
    )
    return {
      seen:
        `the others' p99 ${p99.toFixed(1)} ms with it, ${undisturbed.toFixed(1)} ms without; the node grew by ` +
        `${growthMb.toFixed(0)} MB; let go, it has ${slowHeard} messages in order, and ${slowMissed} told as gone`,
      held: ['I1', 'I2', 'I7', 'I8', 'I9', 'I13']
    }
  }
}

export default row
