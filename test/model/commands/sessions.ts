import { equal } from 'node:assert/strict'
import fc from 'fast-check'
import type { Message } from '../../support/live-client.js'
import { type ClaimKind, claimKind, startOfReplay } from '../claims.js'
import type { Client } from '../client.js'
import { type Positions, positionsOf, type Return, takeOver } from '../comeback.js'
import type { Model, SessionModel } from '../model.js'
import { accept, send } from '../publishing.js'
import type { Claim } from '../stream-model.js'
import type { World } from '../world.js'
import { ConnectionStep, pick, Step } from './step.js'

export interface ResumeFields {
  readonly session: number
  /** Which token is shown. */
  readonly token: 'current' | 'previous' | 'wrong'
  /** Whether the new connection says who it is. */
  readonly user: 'none' | 'same' | 'other'
  readonly device: number
  /** What is claimed of the first and the second room; undefined for nothing. */
  readonly claims: ReadonlyArray<ClaimKind | undefined>
}

/** A session is taken over by a new connection, or is not, where it must not be. */
class Resume extends Step {
  readonly #fields: ResumeFields

  constructor(fields: ResumeFields) {
    super({ ...fields })
    this.#fields = fields
  }

  override check({ sessions }: Readonly<Model>): boolean {
    return sessions.length > 0
  }

  protected async act(world: World): Promise<void> {
    const { model } = world
    const { user, device, claims } = this.#fields
    const session = this.#session(model)
    const own = session.user ?? pick(world.users, 0)
    const other = world.users.find((name) => name !== own) ?? own
    const client = await world.connect({ none: null, same: own, other }[user], `d${device}`)
    const token = this.#token(session)
    const positions = positionsOf(world, session, claims)
    const mayNot = user === 'other' && session.user !== null
    if (!mayNot && model.accepts(session, token) !== undefined) {
      await takeOver(world, { client, session, token, positions })
      return
    }
    const request = { type: 'resume', session_id: session.id, resume_token: token, positions }
    const answer = await client.ask(request)
    equal(answer.code, 'session_not_found', `what is no session of this client: ${JSON.stringify(answer)}`)
  }

  /** One that can be resumed, as a rule. */
  #session(model: Model): SessionModel {
    const { session, token } = this.#fields
    const twice = model.sessions.filter(({ previous }) => previous !== undefined)
    if (token === 'previous' && twice.length > 0) return pick(twice, session)
    const there = model.sessions.filter((session) => model.isResumable(session))
    return pick(there.length > 0 && (token !== 'wrong' || session % 2 === 0) ? there : model.sessions, session)
  }

  #token(session: SessionModel): string {
    if (this.#fields.token === 'wrong') return 'x'.repeat(43)
    return this.#fields.token === 'previous' ? (session.previous?.token ?? 'none') : session.token
  }
}

/** After a join or a publish it is too late. */
class ResumeTooLate extends ConnectionStep {
  protected async act(world: World): Promise<void> {
    const client = this.client(world)
    const { session, begun } = client.model
    if (!begun) return
    const answer = await client.ask({ type: 'resume', session_id: session.id, resume_token: session.token })
    equal(answer.code, 'invalid_message')
  }
}

/** The connection drops and is back before the server has taken note, while messages come in. */
class Reconnect extends ConnectionStep {
  readonly #fields: { readonly messages: number; readonly claims: boolean; readonly stays: boolean }

  constructor(fields: { connection: number; messages: number; claims: boolean; stays: boolean }) {
    super(fields)
    this.#fields = fields
  }

  protected async act(world: World): Promise<void> {
    const { model } = world
    const former = this.client(world)
    const { session } = former.model
    if (!session.kept || session.user === null || !isCertain(session)) return
    const { messages, claims, stays } = this.#fields
    const client = await world.connect(null, former.model.device)
    const positions = positionsOf(world, session, claims ? ['own', 'own'] : [])
    if (!stays) {
      former.leave(1006)
      world.strikeOut(former)
      model.drop(former.model, false)
    }
    await this.#underFire(world, { client, session, token: session.token, positions }, messages)
    if (stays) await world.closed(former, 4502)
  }

  async #underFire(world: World, comeback: Return, messages: number): Promise<void> {
    const { model } = world
    const { client, session, token, positions } = comeback
    const since = new Map([...session.places].map(([room, place]) => [room, claimed(world, room, place.lo, positions)]))
    const before = new Map(world.rooms.map((room) => [room, new Set(model.usersIn(room))]))
    client.model.user = session.user
    world.identified(client)
    const heard = ({ rooms }: Message) => {
      for (const [room, state] of Object.entries(rooms ?? {})) {
        const stream = model.stream(`room:${room}`)
        const claim = since.get(room) ?? { epoch: '', offset: 0 }
        const start = startOfReplay(world, stream, { since: claim, answer: state as Message })
        client.ears.set(room, { position: start, view: before.get(room) ?? new Set() })
        session.places.set(room, { lo: Math.min(session.places.get(room)?.lo ?? start, start), hi: start })
      }
    }
    const resumed = client.ask({ type: 'resume', session_id: session.id, resume_token: token, positions }, heard)
    const drafts = Array.from({ length: messages }, (_, index) => ({
      channel: `room:${pick(world.rooms, index)}`,
      content: { n: ++model.counter }
    }))
    const answers = await Promise.all(drafts.map(async (draft) => ({ draft, answer: await send(world, draft) })))
    answers.sort((a, b) => a.answer.offset - b.answer.offset)
    const answer = await resumed
    for (const { draft, answer } of answers) accept(world, draft, answer)
    equal(answer.type, 'ack', JSON.stringify(answer))
    const former = model.ownerOf(session)
    model.take(session, client.model, { used: token, next: answer.resume_token })
    if (former !== undefined) model.displace(former)
  }
}

function claimed(world: World, room: string, confirmed: number, positions: Positions): Claim {
  const { epoch = '' } = world.model.stream(`room:${room}`)
  return positions[room] ?? { epoch, offset: confirmed }
}

/** Two connections show the same token at once: one of them has the session in the end. */
class ResumeTwiceAtOnce extends Step {
  readonly #fields: { readonly session: number; readonly device: number }

  constructor(fields: { session: number; device: number }) {
    super(fields)
    this.#fields = fields
  }

  override check(model: Readonly<Model>): boolean {
    return waitingIn(model).length > 0
  }

  protected async act(world: World): Promise<void> {
    const { model } = world
    const session = pick(waitingIn(model), this.#fields.session)
    const device = `d${this.#fields.device}`
    const clients = [await world.connect(null, device), await world.connect(null, device)]
    const { token } = session
    const places = [...session.places].map(([room, { lo }]) => [room, lo] as const)
    const before = new Map(world.rooms.map((room) => [room, new Set(model.usersIn(room))]))
    const answers = await Promise.all(
      clients.map(async (client) => {
        client.model.user = session.user
        world.identified(client)
        const heard = ({ rooms }: Message) => {
          for (const [room, offset] of rooms === undefined ? [] : places) {
            const { start } = model
              .stream(`room:${room}`)
              .recover({ epoch: model.stream(`room:${room}`).epoch ?? '', offset }, model.now())
            client.ears.set(room, { position: start, view: new Set(before.get(room)) })
            session.places.set(room, { lo: Math.min(offset, start), hi: start })
          }
        }
        return await client.ask({ type: 'resume', session_id: session.id, resume_token: token }, heard)
      })
    )
    await world.until(() =>
      clients.filter((one) => one.closedWith === undefined).length === 1 ? undefined : 'two owners'
    )
    const winner = clients.findIndex(({ closedWith }) => closedWith === undefined)
    const [client, answer] = [clients[winner] as Client, answers[winner] as Message]
    equal(answer.type, 'ack', JSON.stringify(answer))
    const loser = clients[1 - winner] as Client
    model.take(session, client.model, { used: token, next: answer.resume_token })
    session.previous = undefined
    loser.model.session.over = true
    model.displace(loser.model)
    await world.closed(loser, 4502)
    await world.host.settle(5)
    world.hearAll()
    // Whose coming it was that the others heard of: the one that has the session may have come after that.
    for (const { view } of client.ears.values()) view.add(session.user ?? '')
  }
}

function waitingIn(model: Readonly<Model>): SessionModel[] {
  const waits = (session: SessionModel) => model.isResumable(session) && model.ownerOf(session) === undefined
  return model.sessions.filter((session) => waits(session) && isCertain(session))
}

/** It is known where the replays begin. */
function isCertain({ places }: SessionModel): boolean {
  return [...places.values()].every(({ lo, hi }) => lo === hi)
}

export const resumeFields = fc.record<ResumeFields>({
  session: fc.nat(20),
  token: fc.constantFrom('current', 'current', 'current', 'previous', 'wrong'),
  user: fc.constantFrom('none', 'none', 'same', 'other'),
  device: fc.nat(1),
  claims: fc.tuple(fc.option(claimKind, { nil: undefined }), fc.option(claimKind, { nil: undefined }))
})
const connection = fc.nat(5)

export const sessions = [
  resumeFields.map((fields) => new Resume(fields)),
  resumeFields.map((fields) => new Resume({ ...fields, token: 'current', user: 'none' })),
  resumeFields.map((fields) => new Resume({ ...fields, token: 'current', user: 'none', claims: [] })),
  connection.map((one) => new ResumeTooLate({ connection: one })),
  fc
    .record({ connection, messages: fc.nat(6), claims: fc.boolean(), stays: fc.boolean() })
    .map((fields) => new Reconnect(fields)),
  fc.record({ session: fc.nat(20), device: fc.nat(1) }).map((fields) => new ResumeTwiceAtOnce(fields))
]
