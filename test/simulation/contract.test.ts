import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/clock.js'
import { Keys } from '../../src/store/redis/keys.js'
import { OrderedScript } from '../../src/store/redis/ordered-script.js'
import { RedisPresence } from '../../src/store/redis/redis-presence.js'
import { RedisPubSub } from '../../src/store/redis/redis-pub-sub.js'
import { openRedisStore } from '../../src/store/redis/redis-store.js'
import { RedisStreams } from '../../src/store/redis/redis-streams.js'
import { RunWatch } from '../../src/store/redis/run-watch.js'
import { publishScript } from '../../src/store/redis/stream-scripts.js'
import { testCursors } from '../store/cursors-contract.js'
import { testGroups } from '../store/groups-contract.js'
import { testPresence } from '../store/presence-contract.js'
import { testPubSub } from '../store/pub-sub-contract.js'
import { testRemovals } from '../store/removals-contract.js'
import { testRevocations } from '../store/revocations-contract.js'
import { testSessions } from '../store/sessions-contract.js'
import type { StoreUnderTest, Ttls } from '../store/store-under-test.js'
import { testStreams } from '../store/streams-contract.js'
import { ManualClock } from '../support/manual-clock.js'
import { NodeClock } from './node-clock.js'
import { RedisNetwork } from './redis/redis-network.js'
import { SimulatedRedis } from './redis/simulated-redis.js'
import { SeededRandom } from './seeded-random.js'
import { SimulatedTime } from './simulated-time.js'

/*
 * What every store must do, the Redis store does over the simulated Redis as well: that is what keeps the simulation
 * honest.
 */

/** What is on its way comes by itself; for anything later a test has to wait. */
const UNDER_WAY_MS = 5

/** A Redis of its own, whose time goes on by itself as far as the network needs it. */
class Bench {
  readonly time = new SimulatedTime()
  readonly beginning = Date.now()
  readonly server: SimulatedRedis
  readonly #random = new SeededRandom(1)
  #over = false

  constructor(t: Test) {
    this.server = new SimulatedRedis({ random: this.#random, now: () => this.beginning + Math.floor(this.time.now) })
    t.teardown(() => {
      this.#over = true
    })
    void this.#keepGoing()
  }

  async connect() {
    const latencyMs = () => this.#random.between(0.1, 1)
    const network = new RedisNetwork({ server: this.server, time: this.time, random: this.#random, latencyMs })
    return await network.connect(new NodeClock(this.time, this.beginning))
  }

  async #keepGoing(): Promise<void> {
    while (!this.#over) {
      if (this.time.nextAt <= this.time.now + UNDER_WAY_MS) await this.time.step()
      else await sleep(1)
    }
  }
}

const defaults: Ttls = { deviceTtlMs: 60_000, sessionTtlMs: 60_000, removalTtlMs: 60_000 }

async function createStore(
  t: Test,
  ttls: Partial<Ttls> = {},
  bench: Bench = new Bench(t),
  prefix: string = randomUUID()
): Promise<StoreUnderTest> {
  const clock = new ManualClock(bench.beginning)
  const connections = await bench.connect()
  const store = await openRedisStore({
    ...defaults,
    ...ttls,
    graceMs: 0,
    connections,
    url: 'redis://simulated',
    prefix,
    clock,
    onDeaf: () => {},
    onError: () => {}
  })
  t.teardown(() => store.close())
  await store.nodes.start({ onDeparture: () => {}, onLeaseLost: () => {} }, () => 0)
  const tick = () => {
    clock.advance(20)
    void bench.time.run(20)
  }
  return { store, clock, tick, another: () => createStore(t, ttls, bench, prefix) }
}

testStreams(t, async (t) => {
  const bench = new Bench(t)
  const connections = await bench.connect()
  const publish = new OrderedScript(connections.commands, publishScript)
  const run = await RunWatch.of({
    connection: connections.commands,
    clock: systemClock,
    prepare: () => publish.load()
  })
  const streams = new RedisStreams({ connections, keys: new Keys(randomUUID()), run, publish })
  const now = () => bench.beginning + Math.floor(bench.time.now)
  return { streams, now, pass: (ms) => bench.time.run(ms) }
})

t.test('presence', async (t) => {
  testPresence(t, async (t) => {
    const bench = new Bench(t)
    const { commands: redis } = await bench.connect()
    const now = () => bench.beginning + Math.floor(bench.time.now)
    const node = () => 'node-1.1'
    return { presence: new RedisPresence({ redis, keys: new Keys(randomUUID()), node, now, seenTtlMs: 60_000 }), now }
  })
})

t.test('cursors', async (t) => testCursors(t, createStore))
t.test('sessions', async (t) => testSessions(t, createStore))
t.test('groups', async (t) => testGroups(t, createStore))
t.test('removals', async (t) => testRemovals(t, createStore))
t.test('revocations', async (t) => testRevocations(t, createStore))
t.test('pub/sub', async (t) => testPubSub(t, async (t) => new RedisPubSub(await new Bench(t).connect())))
