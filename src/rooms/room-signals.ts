import { Type } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import { isRelayable } from '../protocol/relayable.js'

/*
 * What nodes tell each other through a room's channel without storing it. The first byte says which of the three it is.
 */
const RELAY = 'r'.charCodeAt(0)
const NOTE = 'p'.charCodeAt(0)
const RECOUNT = 'c'.charCodeAt(0)

/** A user came or went. `users` is how many there were afterwards. */
export interface PresenceMove {
  readonly action: 'user_joined' | 'user_left'
  readonly userId: string
  readonly users: number
}

/** How the presence of a room changed on one node within one turn. In a large room `moves` is empty. */
export interface PresenceNote {
  readonly users: number
  readonly joined: number
  readonly left: number
  readonly moves: readonly PresenceMove[]
}

export type RoomSignal =
  /** A complete message for the members. */
  | { readonly kind: 'relay'; readonly payload: Buffer }
  | { readonly kind: 'note'; readonly note: PresenceNote }
  /** What members were told may have got lost: each node looks how many there are. */
  | { readonly kind: 'recount' }

export function encodeRelay(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.of(RELAY), payload])
}

export function encodeNote(note: PresenceNote): Buffer {
  return Buffer.concat([Buffer.of(NOTE), Buffer.from(JSON.stringify(note))])
}

export function encodeRecount(): Buffer {
  return Buffer.of(RECOUNT)
}

/** Undefined for anything that these functions did not write: what comes from outside is not trusted. */
export function decodeRoomSignal(encoded: Buffer): RoomSignal | undefined {
  if (encoded[0] === RELAY) return relayOf(encoded.subarray(1))
  if (encoded[0] === RECOUNT) return { kind: 'recount' }
  if (encoded[0] !== NOTE) return undefined
  try {
    const note = JSON.parse(encoded.toString('utf8', 1)) as unknown
    return isNote(note) ? { kind: 'note', note } : undefined
  } catch {
    return undefined
  }
}

function relayOf(payload: Buffer): RoomSignal | undefined {
  return isRelayable(payload) ? { kind: 'relay', payload } : undefined
}

const Count = Type.Integer({ minimum: 0 })
const noteCheck = TypeCompiler.Compile(
  Type.Object({
    users: Count,
    joined: Count,
    left: Count,
    moves: Type.Array(
      Type.Object({
        action: Type.Union([Type.Literal('user_joined'), Type.Literal('user_left')]),
        userId: Type.String(),
        users: Count
      })
    )
  })
)

function isNote(note: unknown): note is PresenceNote {
  return noteCheck.Check(note)
}
