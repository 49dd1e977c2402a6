import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Message } from '../support/live-client.js'
import { type ClaimKind, claimOf } from './claims.js'
import type { Client } from './client.js'
import type { SessionModel } from './model.js'
import type { Claim } from './stream-model.js'
import type { World } from './world.js'

export type Positions = Record<string, Claim>

/** Positions that the client names. */
export function positionsOf(
  world: World,
  session: SessionModel,
  claims: ReadonlyArray<ClaimKind | undefined>
): Positions {
  const positions: Positions = {}
  for (const [index, room] of world.rooms.entries()) {
    const kind = claims[index]
    const claim = kind && claimOf(world, room, kind, session.books.get(room) ?? 0)
    if (claim !== undefined) positions[room] = claim
  }
  return positions
}

/** A client that comes back for a session. */
export interface Return {
  readonly client: Client
  readonly session: SessionModel
  readonly token: string
  readonly positions: Positions
}

/** Asks for a session that is there, and gives what the answer has to be, and what follows it on the wire. */
export async function takeOver(world: World, { client, session, token, positions }: Return): Promise<Message> {
  const { model } = world
  const former = model.ownerOf(session)
  const removed = [...session.lost]
  const before = new Map(world.rooms.map((room) => [room, new Set(model.usersIn(room))]))
  const expected = new Map(
    [...session.places.keys()].map((room) => [room, recoveryOf(world, session, room, positions)])
  )
  if (client.model.user === null) {
    client.model.user = session.user
    world.identified(client)
  }
  const heard = ({ rooms }: Message) => {
    for (const [room, state] of Object.entries(rooms ?? {})) {
      const start = judgeStart(world, { room, session, positions, state: state as Message })
      client.ears.set(room, { ...start, view: before.get(room) ?? new Set() })
    }
  }
  const request = { type: 'resume', session_id: session.id, resume_token: token, positions }
  const asked = client.ask(request, heard)
  const answer = await asked
  equal(answer.type, 'ack', `a session that is there was not found: ${JSON.stringify(answer)}`)
  const formerClient = former && world.clientOf(former)
  model.take(session, client.model, { used: token, next: answer.resume_token })
  if (former !== undefined) model.displace(former)
  checkAnswer(world, session, { answer, removed, expected })
  if (formerClient !== undefined) await world.closed(formerClient, 4502)
  return answer
}

/** What a room's part of the answer has to be, as far as that is certain. */
function recoveryOf(world: World, session: SessionModel, room: string, positions: Positions) {
  const stream = world.model.stream(`room:${room}`)
  const claim = positions[room]
  const place = session.places.get(room)
  const certain = claim !== undefined || place?.lo === place?.hi
  return {
    certain,
    recovery: stream.recover(claim ?? { epoch: stream.epoch ?? '', offset: place?.lo ?? 0 }, world.model.now())
  }
}

function checkAnswer(
  world: World,
  session: SessionModel,
  {
    answer,
    removed,
    expected
  }: { answer: Message; removed: string[]; expected: Map<string, ReturnType<typeof recoveryOf>> }
): void {
  equal(answer.session_id, session.id)
  equal(answer.user_id, session.user)
  deepEqual([...answer.removed].sort(), removed.sort(), 'rooms that the session lost')
  deepEqual(Object.keys(answer.rooms).sort(), [...expected.keys()].sort(), 'rooms of the session')
  for (const [room, { certain, recovery }] of expected) {
    const { model } = world
    const stream = model.stream(`room:${room}`)
    const told = answer.rooms[room]
    equal(told.epoch, stream.epoch)
    equal(told.offset, stream.top)
    equal(told.online_count, model.usersIn(room).size, `I6: the count of ${room}`)
    if (certain) {
      equal(told.recovered, recovery.recovered, `I1: how ${room} follows`)
      deepEqual(told.gap, recovery.gap, `I1: what ${room} has lost`)
    }
  }
}

/** Where the replay of a room begins, as the answer tells. What is not certain is seen by the first message. */
function judgeStart(
  world: World,
  { room, session, positions, state }: { room: string; session: SessionModel; positions: Positions; state: Message }
): { position: number; upTo?: number } {
  const { recovery } = recoveryOf(world, session, room, positions)
  const place = session.places.get(room)
  ok(place !== undefined, `I4: ${room} is none of the session's`)
  const stream = world.model.stream(`room:${room}`)
  if (positions[room] === undefined && state.recovered === 'full' && place.lo !== place.hi) {
    place.either = true
    return { position: place.lo, upTo: place.hi }
  }
  const start = state.recovered === 'gap' ? state.gap.to : recovery.start
  Object.assign(place, { lo: Math.min(place.lo, start), hi: start, either: false })
  ok(start <= stream.top)
  return { position: start }
}
