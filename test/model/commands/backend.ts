import { equal } from 'node:assert/strict'
import fc from 'fast-check'
import type { World } from '../world.js'
import { pick, Step } from './step.js'

interface KickFields {
  readonly room: number
  readonly user: number
}

/** Out of the room on every connection, and in every session that waits. */
class Kick extends Step {
  readonly #fields: KickFields

  constructor(fields: KickFields) {
    super({ ...fields })
    this.#fields = fields
  }

  protected async act(world: World): Promise<void> {
    const { model } = world
    const [room, user] = [pick(world.rooms, this.#fields.room), pick(world.users, this.#fields.user)]
    for (const connection of model.openOf(user)) {
      if (connection.rooms.has(room)) world.clientOf(connection).removals.add(`room:${room}`)
    }
    model.kick(room, user)
    equal((await world.rest({ method: 'DELETE', url: `/rooms/${room}/members/${user}` })).status, 204)
  }
}

/** Everything of the user is over. */
class Disconnect extends Step {
  readonly #user: number

  constructor(fields: { user: number }) {
    super(fields)
    this.#user = fields.user
  }

  protected async act(world: World): Promise<void> {
    const { model } = world
    const user = pick(world.users, this.#user)
    const connections = model.openOf(user)
    const { body } = await world.rest({ method: 'DELETE', url: `/users/${user}/connections` })
    equal(body.closed, connections.length, 'I6: connections that there were')
    for (const connection of connections) {
      await world.closed(world.clientOf(connection), 4501)
      model.drop(connection, true)
    }
    model.end(user)
  }
}

class Purge extends Step {
  readonly #room: number

  constructor(fields: { room: number }) {
    super(fields)
    this.#room = fields.room
  }

  protected async act(world: World): Promise<void> {
    const room = pick(world.rooms, this.#room)
    world.model.stream(`room:${room}`).purge()
    equal((await world.rest({ method: 'DELETE', url: `/rooms/${room}/history` })).status, 204)
  }
}

export const backend = [
  fc.record({ room: fc.nat(1), user: fc.nat(2) }).map((fields) => new Kick(fields)),
  fc.record({ room: fc.nat(1), user: fc.nat(2) }).map((fields) => new Kick(fields)),
  fc.record({ user: fc.nat(2) }).map((fields) => new Disconnect(fields)),
  fc.record({ room: fc.nat(1) }).map((fields) => new Purge(fields))
]
