import t from 'tap'
import { startNodes } from './jitter/nodes.js'
import { runSlowTrial } from './slow/trial.js'

t.test('a paused reader among fast ones has everything retained when it is let go, and the gap told', async (t) => {
  const [node] = await startNodes(t, 1, { HISTORY_SIZE: '100', DATA_DIR: 'memory' })
  const size = { bytes: 20_000_000, messageBytes: 40_000 }
  const options = { url: node?.url ?? '', fastReaders: 5, ...size, pace: 0, turns: 1, retained: 100 }
  const { violations, slowHeard, slowMissed } = await runSlowTrial(t, options)
  t.strictSame(violations, [])
  t.ok(slowHeard >= 100 && slowMissed > 0, `${slowHeard} heard, ${slowMissed} gone`)
})
