import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import type { Message } from '../../support/live-client.js'
import { type ClaimKind, claimKind, claimOf, startOfReplay } from '../claims.js'
import { accept, send } from '../publishing.js'
import type { World } from '../world.js'
import { ConnectionStep, pick } from './step.js'

type How = { readonly last: number } | { readonly since: ClaimKind } | undefined

interface JoinFields {
  readonly connection: number
  readonly room: number
  readonly how: How
}

class Join extends ConnectionStep {
  readonly #fields: JoinFields

  constructor(fields: JoinFields) {
    super({ ...fields })
    this.#fields = fields
  }

  protected async act(world: World): Promise<void> {
    const client = this.client(world)
    const room = pick(world.rooms, this.#fields.room)
    const { model } = world
    const stream = model.stream(`room:${room}`)
    const how = this.#fields.how
    const seen = client.model.session.books.get(room) ?? 0
    const since = how !== undefined && 'since' in how ? claimOf(world, room, how.since, seen) : undefined
    const named = client.model.user === null ? { user_id: pick(world.users, this.#fields.connection) } : {}
    if (named.user_id !== undefined) {
      client.model.user = named.user_id
      world.identified(client)
    }

    const recovery = since && stream.recover(since, model.now())
    const last = how !== undefined && 'last' in how ? how.last : undefined
    const start = recovery?.start ?? (last === undefined ? stream.top : stream.startOfNewest(last, model.now()))
    const before = model.usersIn(room)
    const view = client.ears.get(room)?.view ?? new Set(before)
    const { hi } = (client.model.rooms.has(room) && client.model.session.places.get(room)) || { hi: start }
    // Who is in already has no more for certain than before, unless it says so itself.
    const confirmed = since !== undefined ? start : Math.min(hi, start)
    client.model.begun = true
    model.join(client.model, room, confirmed)
    const heard = () => void client.ears.set(room, { position: start, view })
    const answer = await client.ask(
      { type: 'join_room', room, ...named, ...(since && { since }), ...(last !== undefined && { last }) },
      heard
    )

    stream.epoch ??= answer.epoch
    const recovered = recovery?.recovered ?? (last === undefined ? 'none' : 'full')
    const { id: _id, ...told } = answer
    deepEqual(told, {
      type: 'ack',
      room,
      epoch: stream.epoch,
      offset: stream.top,
      online_count: model.usersIn(room).size,
      recovered,
      ...(recovery?.gap && { gap: recovery.gap })
    })
  }
}

class Leave extends ConnectionStep {
  readonly #room: number

  constructor(fields: { connection: number; room: number }) {
    super(fields)
    this.#room = fields.room
  }

  protected async act(world: World): Promise<void> {
    const client = this.client(world)
    const room = pick(world.rooms, this.#room)
    client.model.begun = true
    world.model.leave(client.model, room)
    const answer = await client.ask({ type: 'leave_room', room }, () => void client.ears.delete(room))
    equal(answer.type, 'ack')
    equal(answer.room, room)
  }
}

/** Messages come in while it joins: no hole and no repeat where the two meet. */
class JoinUnderFire extends ConnectionStep {
  readonly #fields: { readonly room: number; readonly messages: number; readonly older: boolean }

  constructor(fields: { connection: number; room: number; messages: number; older: boolean }) {
    super(fields)
    this.#fields = fields
  }

  protected async act(world: World): Promise<void> {
    const client = this.client(world)
    const room = pick(world.rooms, this.#fields.room)
    if (client.model.user === null || client.model.rooms.has(room)) return
    const stream = world.model.stream(`room:${room}`)
    const top = stream.top
    const since = this.#fields.older && stream.epoch !== undefined ? claimOf(world, room, 'older', top) : undefined
    const view = new Set(world.model.usersIn(room))
    client.model.begun = true
    world.model.join(client.model, room, 0)
    const heard = (answer: Message) => {
      const start = since === undefined ? answer.offset : startOfReplay(world, stream, { since, answer })
      client.ears.set(room, { position: start, view })
      client.model.session.places.set(room, { lo: start, hi: start })
    }
    const joined = client.ask({ type: 'join_room', room, ...(since && { since }) }, heard)
    const drafts = Array.from({ length: this.#fields.messages }, () => ({
      channel: `room:${room}`,
      content: { n: ++world.model.counter }
    }))
    const answers = await Promise.all(drafts.map(async (draft) => ({ draft, answer: await send(world, draft) })))
    answers.sort((a, b) => a.answer.offset - b.answer.offset)
    const answer = await joined
    stream.epoch ??= answer.epoch
    for (const { draft, answer } of answers) accept(world, draft, answer)
    ok(answer.offset >= top && answer.offset <= stream.top, 'the top at some moment of it')
    if (since === undefined) equal(answer.recovered, 'none')
  }
}

const connection = fc.nat(5)
const room = fc.nat(1)
const how = fc.oneof(fc.constant<How>(undefined), fc.record({ last: fc.nat(6) }), fc.record({ since: claimKind }))

export const rooms = [
  fc.record({ connection, room, how }).map((fields) => new Join(fields)),
  fc.record({ connection, room }).map((fields) => new Join({ ...fields, how: undefined })),
  fc.record({ connection, room }).map((fields) => new Leave(fields)),
  fc
    .record({ connection, room, messages: fc.integer({ min: 1, max: 8 }), older: fc.boolean() })
    .map((fields) => new JoinUnderFire(fields))
]
