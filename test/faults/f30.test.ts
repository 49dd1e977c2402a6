import t from 'tap'
import { type CreateJitterClient, ResumingClient } from './jitter/client.js'
import { startNodes } from './jitter/nodes.js'
import { PackageClient } from './jitter/package-client.js'
import { runJitter } from './jitter/swarm.js'
import { Random } from './support/random.js'

t.setTimeout(120_000)

const withPackage: CreateJitterClient = (options) => new PackageClient(options)
const withBooks: CreateJitterClient = (options) => new ResumingClient(options)

for (const [count, create, kind] of [
  [1, withPackage, 'the client package'],
  [2, withPackage, 'the client package'],
  [2, withBooks, 'a raw client that keeps its positions']
] as const) {
  const title = `F30: killed again and again, ${kind} hears everything once, in order (nodes: ${count})`
  t.test(title, async (t) => {
    const nodes = await startNodes(t, count)
    const { tally, expected, published } = await runJitter(t, {
      ...{ urls: nodes.map(({ url }) => url), create },
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
