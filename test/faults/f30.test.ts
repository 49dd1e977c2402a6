import t from 'tap'
import { ResumingClient } from './jitter/client.js'
import { startNodes } from './jitter/nodes.js'
import { runJitter } from './jitter/swarm.js'
import { Random } from './support/random.js'

t.setTimeout(120_000)

for (const count of [1, 2]) {
  t.test(`F30: clients that are killed again and again hear everything once, in order (${count} node)`, async (t) => {
    const nodes = await startNodes(t, count)
    const { tally, expected, published } = await runJitter(t, {
      ...{ urls: nodes.map(({ url }) => url), create: (options) => new ResumingClient(options) },
      ...{ clients: 60, rooms: 4, roomsPerClient: 2, seconds: 3, rate: 20, lifeMs: 800, awayMs: 150 },
      random: new Random(30)
    })
    t.strictSame(tally.violations, [])
    t.equal(tally.delivered, expected)
    t.equal(tally.repeated, 0, 'with positions nothing is sent twice')
    t.ok(tally.drops > 60 && published > 20, `${tally.drops} drops, ${published} messages`)
    t.strictSame([...tally.outcomes.keys()], ['full'], 'every session was there, and nobody heard that its user left')
  })
}
