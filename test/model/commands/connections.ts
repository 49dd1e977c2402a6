import fc from 'fast-check'
import type { Model } from '../model.js'
import { accept, send } from '../publishing.js'
import type { World } from '../world.js'
import { ConnectionStep, pick, Step } from './step.js'

const CONNECTIONS_MAX = 6

class Connect extends Step {
  readonly #user: number
  readonly #device: number

  constructor(fields: { user: number; device: number }) {
    super(fields)
    this.#user = fields.user
    this.#device = fields.device
  }

  override check({ open }: Readonly<Model>): boolean {
    return open.length < CONNECTIONS_MAX
  }

  protected async act(world: World): Promise<void> {
    // Now and then one that tells its name later.
    const user = this.#user === world.users.length ? null : pick(world.users, this.#user)
    await world.connect(user, `d${this.#device}`)
  }
}

class Disappear extends ConnectionStep {
  readonly #code: number

  constructor(fields: { connection: number; code: number }) {
    super(fields)
    this.#code = fields.code
  }

  protected async act(world: World): Promise<void> {
    const client = this.client(world)
    client.leave(this.#code)
    world.strikeOut(client)
    world.model.drop(client.model, this.#code === 1000 || this.#code === 1005)
    await world.host.settle(4)
  }
}

/** From now on its pongs come only when `AnswerPings` lets them go. */
class HoldPongs extends ConnectionStep {
  protected async act(world: World): Promise<void> {
    this.client(world).holdsPongs = true
  }
}

class AnswerPings extends ConnectionStep {
  protected async act(world: World): Promise<void> {
    const client = this.client(world)
    client.holdsPongs = false
    world.pong(client)
  }
}

/** Messages come between a ping and its pong: it confirms what was before the ping, and not them. */
class AnswerLate extends ConnectionStep {
  readonly #room: number

  constructor(fields: { connection: number; room: number }) {
    super(fields)
    this.#room = fields.room
  }

  protected async act(world: World): Promise<void> {
    const client = this.client(world)
    if (client.holdsPongs) return
    client.holdsPongs = true
    await world.advance(PING_MS)
    const draft = { channel: `room:${pick(world.rooms, this.#room)}`, content: { n: ++world.model.counter } }
    accept(world, draft, await send(world, draft))
    await world.check()
    client.holdsPongs = false
    world.pong(client)
  }
}

/** In this time each connection is pinged. */
const PING_MS = 26_000
const connection = fc.nat(5)

export const connections = [
  fc.record({ user: fc.nat(3), device: fc.nat(1) }).map((fields) => new Connect(fields)),
  fc.record({ user: fc.nat(2), device: fc.nat(1) }).map((fields) => new Connect(fields)),
  fc
    .record({ connection, code: fc.constantFrom(1006, 1006, 1001, 1000, 1005, 4000) })
    .map((fields) => new Disappear(fields)),
  fc.record({ connection, room: fc.nat(1) }).map((fields) => new AnswerLate(fields)),
  connection.map((one) => new HoldPongs({ connection: one })),
  connection.map((one) => new AnswerPings({ connection: one }))
]
