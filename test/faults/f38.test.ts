import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import type { Channel } from '../../src/channels/channel.js'
import { Receiver } from '../../src/channels/receiver.js'
import { Turn } from '../../src/connections/turn.js'
import { readReplay, startOf } from '../../src/rooms/join-replay.js'
import type { ReadQuery, StoredMessage } from '../../src/store/streams.js'
import { fakeChannel } from '../channels/fake-channel.js'
import { FakeLog } from '../channels/fake-log.js'
import { chatOf, offsetsOf, onEachStore, range } from '../live/each-store.js'
import { fakeConnection } from '../support/fake-transport.js'
import { request, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

t.setTimeout(120_000)

const RUNS = 500

/** What may happen while a node subscribes and its members come. */
const plan = fc.record({
  /** Stored before anything else; sometimes more than one page. */
  before: fc.oneof({ weight: 3, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.integer({ min: 90, max: 230 }) }),
  /** Each message that is published then: whether its pub/sub message arrives. */
  published: fc.array(
    fc.boolean().map((lost) => !lost),
    { maxLength: 12 }
  ),
  /** Members: how many messages back each joins; undefined for from now on. */
  joins: fc.array(fc.option(fc.oneof(fc.nat(6), fc.nat(240)), { nil: undefined }), { minLength: 1, maxLength: 4 }),
  /** Bytes that may wait for a member before it lags. */
  queued: fc.constantFrom(100, 1_000_000),
  /** Whether a member takes nothing at first. */
  stuck: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })
})

t.test('F38: whatever order a subscription, publishes and replays take, nothing is missing or twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), plan, async (scheduler, { before, published, joins, queued, stuck }) => {
      const world = new World(scheduler, queued)
      for (let n = 0; n < before; n++) world.log.append('before')
      world.subscribe()
      for (const arrives of published) world.publish(arrives)
      for (const [index, back] of joins.entries()) world.join(back, stuck[index] === true)
      await world.run()
      world.check()
    }),
    { numRuns: RUNS }
  )
})

interface Member {
  /** It has to hear everything after this. */
  readonly from: number
  readonly heard: () => number[]
}

/** One channel of a node between a store and its members, every step of which the scheduler puts in an order. */
class World {
  readonly log = new FakeLog()
  readonly #scheduler: fc.Scheduler
  readonly #slowConsumerBytes: number
  readonly #turn = new Turn()
  readonly #channel: Channel
  readonly #members: Member[] = []
  readonly #drains: Array<() => void> = []
  #subscribed = false
  #lost = false
  #begun = () => {}
  readonly #ready: Promise<void>
  /** Pub/sub messages arrive in the order in which they were sent. */
  #wire: Promise<void> = Promise.resolve()

  constructor(scheduler: fc.Scheduler, slowConsumerBytes: number) {
    this.#scheduler = scheduler
    this.#slowConsumerBytes = slowConsumerBytes
    this.#ready = new Promise((resolve) => {
      this.#begun = resolve
    })
    this.#channel = fakeChannel({
      turn: this.#turn,
      read: (query) => this.#read(query),
      pause: () => this.#step('pause')
    })
  }

  /** Redis hears the subscription, answers, is asked for the top, answers: messages may come in between. */
  subscribe(): void {
    const run = async () => {
      await this.#step('subscribe')
      this.#subscribed = true
      await this.#step('ask for the top')
      const { top } = await this.log.read({ limit: 0 })
      await this.#step('answer the top')
      this.#channel.begin(top ?? { epoch: this.log.epoch, offset: 0 })
      this.#begun()
    }
    void run()
  }

  publish(arrives: boolean): void {
    const run = async () => {
      await this.#step('publish')
      const message = this.log.append('message')
      if (this.#subscribed && arrives) this.#send(message)
      else if (this.#subscribed) this.#lost = true
    }
    void run()
  }

  /** As a room does it: hold, read, take a seat, catch up. */
  join(back: number | undefined, stuck: boolean): void {
    const run = async () => {
      await this.#ready
      await this.#step('join')
      const channel = this.#channel
      const { connection, transport } = fakeConnection({
        turn: this.#turn,
        slowConsumerBytes: this.#slowConsumerBytes
      })
      transport.stuck = stuck
      this.#drains.push(() => transport.drain())
      const receiver = new Receiver(connection, channel.position)
      channel.hold(receiver)
      const { epoch, offset } = channel.position
      const since = back === undefined ? undefined : { epoch, offset: Math.max(offset - back, 0) }
      const page = await readReplay(channel, { since })
      receiver.position = startOf(channel, page)
      channel.attach(receiver)
      const heard = () => transport.payloads.map((text) => JSON.parse(text).offset as number)
      this.#members.push({ from: since?.offset ?? receiver.position.offset, heard })
      void channel.catchUp(receiver, page)
    }
    void run()
  }

  /** Runs every step; whoever is stuck takes what waits when nothing else happens. */
  async run(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      if (this.#scheduler.count() > 0) {
        quiet = 0
        await this.#scheduler.waitOne()
      } else {
        quiet++
        // The look at the tops, which finds a last message that was lost. Without a loss nobody has to look.
        const { top } = await this.log.read({ limit: 0 })
        if (this.#lost && top !== undefined && top.offset > this.#channel.position.offset) void this.#channel.repair()
        for (const drain of this.#drains) drain()
      }
      await nextTurn()
    }
  }

  check(): void {
    const top = this.log.messages.length
    for (const { from, heard } of this.#members) {
      const expected = JSON.stringify(range(from + 1, top))
      if (JSON.stringify(heard()) !== expected) throw new Error(`heard ${heard()} instead of ${expected}`)
    }
  }

  #send(message: StoredMessage): void {
    this.#wire = this.#wire.then(async () => {
      await this.#step(`deliver ${message.offset}`)
      this.#channel.accept(message)
    })
  }

  async #read(query: ReadQuery) {
    await this.#step('read')
    const page = await this.log.read(query)
    await this.#step('answer the read')
    return page
  }

  #step(name: string): Promise<void> {
    return this.#scheduler.schedule(Promise.resolve(), name).then(() => {})
  }
}

const publish = (server: TestServer, room: string, content: number) =>
  request(`${server.url}/rooms/${room}/messages`, { method: 'POST', body: { content } })

onEachStore('F38: the first member of a room comes while it is published to', async (t, start) => {
  const server = await start({ RATE_LIMIT_PER_SECOND: 0 })
  const clients = await Promise.all([1, 2, 3].map((user) => server.connect(`/ws?user_id=u${user}`)))
  for (let round = 0; round < 40; round++) {
    const room = randomUUID()
    const publishing = range(1, 6).map((content) => publish(server, room, content))
    for (let turn = 0; turn < round % 8; turn++) await nextTurn()
    const asks: object[] = [{}, { last: 1000 }, { since: { epoch: 'unknown', offset: 0 } }]
    const acks = await Promise.all(
      clients.map((client, index) => client.ask({ type: 'join_room', room, ...asks[index] }))
    )
    await Promise.all(publishing)
    const { body } = await publish(server, room, 7)
    for (const [index, client] of clients.entries()) {
      await until(() => chatOf(client, room).at(-1)?.offset === body.offset)
      const first = index === 0 ? (acks[0]?.offset ?? 0) + 1 : 1
      t.strictSame(offsetsOf(chatOf(client, room)), range(first, 7), JSON.stringify(asks[index]))
      await client.ask({ type: 'leave_room', room })
    }
  }
})
