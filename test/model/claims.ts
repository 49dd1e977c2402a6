import { equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import type { Message } from '../support/live-client.js'
import type { Claim, StreamModel } from './stream-model.js'
import type { World } from './world.js'

/** Which position a client names. */
export type ClaimKind = 'own' | 'named' | 'zero' | 'older' | 'ahead' | 'foreign' | 'another'
export const claimKind = fc.constantFrom<ClaimKind>(
  'own',
  'named',
  'zero',
  'older',
  'older',
  'ahead',
  'foreign',
  'another'
)

/** A position of a stream that says so; `seen` is how far the client has come. */
export function claimOf(world: World, room: string, kind: ClaimKind, seen: number): Claim {
  const stream = world.model.stream(`room:${room}`)
  const { epoch, top } = stream
  if (kind === 'foreign' || epoch === undefined) return { epoch: 'elsewhere', offset: seen }
  const offset = Math.min(
    { own: seen, named: seen, zero: 0, older: seen >> 1, ahead: top + 2, another: seen }[kind],
    top + 2
  )
  const stored = stream.at(offset)
  if (kind === 'named' && stored !== undefined) return { epoch, offset, message_id: stored.id }
  // Whether the id is looked at where the message is gone already is left open.
  const isKept = stored !== undefined && offset >= stream.oldest(world.model.now())
  if (kind === 'another' && isKept) return { epoch, offset, message_id: 'none of them' }
  return { epoch, offset }
}

/** Where a replay begins that other messages crossed: a gap that it tells has to be one by now. */
export function startOfReplay(
  world: World,
  stream: StreamModel,
  { since, answer }: { since: Claim; answer: Message }
): number {
  if (answer.recovered === 'full') return since.offset
  equal(answer.recovered, 'gap')
  equal(answer.gap.from, since.offset + 1)
  ok(answer.gap.to < stream.oldest(world.model.now()), 'I1: a gap of what is there')
  return answer.gap.to
}
