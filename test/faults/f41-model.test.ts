import fc from 'fast-check'
import t from 'tap'
import { range } from '../live/each-store.js'
import type { LiveClient } from '../support/live-client.js'
import { ManualClock } from '../support/manual-clock.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

t.setTimeout(120_000)

const RUNS = 60
const SIZE = 6
const TTL_SECONDS = 100
const devices = ['a', 'b'] as const
type Device = (typeof devices)[number]
type Told = number | string

/** The inbox of one user as protocol.md 2.5 describes it. */
class InboxModel {
  /** When each message was sent, in seconds; the first has offset 1. */
  readonly sentAt: number[] = []
  readonly cursors = new Map<Device, { offset: number; usedAt: number }>()
  /** What each connected device has to have been told. */
  readonly told = new Map<Device, Told[]>()
  now = 0

  get top(): number {
    return this.sentAt.length
  }

  get oldest(): number {
    const young = this.sentAt.findIndex((at) => this.now - at < TTL_SECONDS)
    return young === -1 ? this.top + 1 : Math.max(young + 1, this.top - SIZE + 1)
  }

  /** Undefined for a device that is new, or was not used for too long. */
  cursorOf(device: Device): number | undefined {
    const cursor = this.cursors.get(device)
    return cursor === undefined || this.now - cursor.usedAt >= TTL_SECONDS ? undefined : cursor.offset
  }

  send(): void {
    this.sentAt.push(this.now)
    for (const told of this.told.values()) told.push(this.top)
  }

  connect(device: Device): void {
    const cursor = this.cursorOf(device) ?? this.oldest - 1
    this.cursors.set(device, { offset: cursor, usedAt: this.now })
    const gap = this.oldest > cursor + 1 ? [`gap ${cursor + 1}-${this.oldest - 1}`] : []
    this.told.set(device, [...gap, ...range(Math.max(cursor + 1, this.oldest), this.top)])
  }

  /** The cursor that is answered, or the error. */
  acknowledge(device: Device, offset: number, known: boolean): Told {
    if (known && offset > this.top) return 'invalid_message'
    const before = this.cursorOf(device) ?? this.oldest - 1
    if (!known || offset <= before) return before
    this.cursors.set(device, { offset, usedAt: this.now })
    return offset
  }
}

/** One user of a real server, and what the model says of it. */
class World {
  readonly model = new InboxModel()
  readonly #server: TestServer
  readonly #clock: ManualClock
  readonly #user: string
  readonly #clients = new Map<Device, LiveClient>()

  constructor(server: TestServer, clock: ManualClock, user: string) {
    this.#server = server
    this.#clock = clock
    this.#user = user
  }

  async send(): Promise<void> {
    this.model.send()
    await request(`${this.#server.url}/users/${this.#user}/messages`, { method: 'POST', body: { content: 1 } })
  }

  advance(seconds: number): void {
    this.model.now += seconds
    this.#clock.advance(seconds * 1000)
  }

  async toggle(device: Device): Promise<void> {
    const client = this.#clients.get(device)
    if (client !== undefined) {
      client.socket.close(1000)
      await client.closed()
      this.#clients.delete(device)
      this.model.told.delete(device)
      return
    }
    this.model.connect(device)
    this.#clients.set(device, await this.#server.connect(`/ws?user_id=${this.#user}&device_id=${device}`))
    // Its cursor is opened in the background: at the latest with the first thing that it is told.
    const opened = async () => this.#server.app.feeds.has(this.#connectionOf(device), `user:${this.#user}`)
    await until(opened)
  }

  async acknowledge(device: Device, offset: number, epoch: string | undefined): Promise<void> {
    const expected = this.model.acknowledge(device, offset, epoch === undefined)
    const body = { offset, device_id: device, ...(epoch && { epoch }) }
    const answer = await request(`${this.#server.url}/users/${this.#user}/inbox/ack`, { method: 'POST', body })
    check(answer.body.code ?? answer.body.offset, expected, `the acknowledgement of ${offset}`)
  }

  /** The devices have been told what the model says, and the backend is told the same. */
  async check(): Promise<void> {
    for (const [device, client] of this.#clients) {
      const expected = this.model.told.get(device) ?? []
      await until(() => toldTo(client).length >= expected.length, Boolean, 5000).catch(() => {})
      check(toldTo(client), expected, `device ${device}`)
    }
    for (const device of devices) {
      const { body } = await request(`${this.#server.url}/users/${this.#user}/inbox?device_id=${device}`)
      const { top, oldest } = this.model
      const cursor = this.model.cursorOf(device) ?? oldest - 1
      const kept = range(Math.max(cursor + 1, oldest), top)
      const offsets = body.messages.map(({ offset }: { offset: number }) => offset)
      check([body.offset, body.cursor, body.unacked, offsets], [top, cursor, kept.length, kept], `inbox of ${device}`)
    }
  }

  end(): void {
    for (const client of this.#clients.values()) client.socket.close(1000)
  }

  #connectionOf(device: Device) {
    const id = this.#clients.get(device)?.messages[0]?.connection_id
    const connection = this.#server.app.pool.get(id)
    if (connection === undefined) throw new Error(`${device} is not connected`)
    return connection
  }
}

function toldTo(client: LiveClient): Told[] {
  return client.messages.flatMap(({ type, action, offset, from, to }): Told[] => {
    if (type === 'direct_message') return [offset]
    return action === 'gap' || action === 'reset' ? [`${action} ${from}-${to}`] : []
  })
}

function check(found: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)]
  if (left !== right) throw new Error(`${what}: ${left} instead of ${right}`)
}

const device = fc.constantFrom(...devices)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('send' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), seconds: fc.integer({ min: 1, max: 70 }) })
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('toggle' as const), device }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('acknowledge' as const),
      device,
      /** From the top down; below 0 it is above. */
      back: fc.integer({ min: -2, max: 8 }),
      epoch: fc.option(fc.constant('unknown'), { nil: undefined, freq: 4 })
    })
  }
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

t.test('F41: whatever happens to an inbox, its devices are told what is due to each', async (t) => {
  const clock = new ManualClock()
  const settings = { INBOX_SIZE: SIZE, INBOX_TTL: TTL_SECONDS, HEARTBEAT_TIMEOUT: 2_000_000 }
  const server = await startServer(t, settings, { clock })
  let users = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const world = new World(server, clock, `user${users++}`)
      await world.send()
      for (const step of steps) {
        await run(world, step)
        await world.check()
      }
      world.end()
    }),
    { numRuns: RUNS }
  )
})

async function run(world: World, step: Step): Promise<void> {
  if (step.kind === 'send') for (let n = 0; n < step.count; n++) await world.send()
  else if (step.kind === 'advance') world.advance(step.seconds)
  else if (step.kind === 'toggle') await world.toggle(step.device)
  else await world.acknowledge(step.device, Math.max(world.model.top - step.back, 0), step.epoch)
}
