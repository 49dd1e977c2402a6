import { RoomcastError } from '../errors.js'
import { CHAT_MESSAGE } from '../protocol/message-types.js'
import type { Retention } from '../store/streams.js'
import { RoomDefinitionError } from './definition-error.js'
import type { PresenceMode, RoomFamily } from './room-family.js'
import { matchPattern, type RoomPattern, shapeOf } from './room-pattern.js'

/** What holds in a room. One object for all rooms of a family. */
export interface RoomRules extends Pick<RoomFamily, 'checks' | 'rateLimit' | 'authorize' | 'onMessage'> {
  readonly retention: Retention
  readonly presence: PresenceMode
  /** How long a message may wait for others. */
  readonly batchDelayMs: number
}

export interface RulesInRoom {
  readonly rules: RoomRules
  readonly params: Readonly<Record<string, string>>
}

interface Entry {
  readonly pattern: RoomPattern
  readonly rules: RoomRules
}

const noParams = Object.freeze({})

/** What holds in rooms of no family, and where a family says nothing. */
export type DefaultRules = Pick<RoomRules, 'retention' | 'batchDelayMs'>

/** The families of rooms of a server. The first that fits a room's name is the room's; else the settings are. */
export class RoomFamilies {
  /** Every type under which some room takes messages. */
  readonly messageTypes: ReadonlySet<string>
  readonly #entries: readonly Entry[]
  readonly #defaultRules: RoomRules

  /** Throws `RoomDefinitionError` where two families match the same rooms. */
  constructor(families: readonly RoomFamily[], defaults: DefaultRules) {
    refuseTwins(families)
    this.#entries = families.map((family) => ({ pattern: family.pattern, rules: rulesOf(family, defaults) }))
    this.#defaultRules = {
      checks: undefined,
      rateLimit: undefined,
      authorize: undefined,
      onMessage: undefined,
      presence: 'list',
      ...defaults
    }
    this.messageTypes = new Set([CHAT_MESSAGE, ...families.flatMap(({ checks }) => [...(checks?.keys() ?? [])])])
  }

  /** The type that a backend names; without families the field means nothing, as any other that is unknown. */
  typeNamed(type: string | undefined): string | undefined {
    return this.#entries.length === 0 ? undefined : type
  }

  in(room: string): RulesInRoom {
    const parts = this.#entries.length === 0 ? [] : room.split('/')
    for (const { pattern, rules } of this.#entries) {
      const params = matchPattern(pattern, parts)
      if (params !== undefined) return { rules, params }
    }
    return { rules: this.#defaultRules, params: noParams }
  }

  presenceIn(room: string): PresenceMode {
    return this.in(room).rules.presence
  }

  /** Throws `unknown_type` for a type that no room takes, `invalid_message` for one that only others take. */
  checkType(type: string, { checks }: RoomRules): void {
    if (checks === undefined ? type === CHAT_MESSAGE : checks.has(type)) return
    if (!this.messageTypes.has(type)) throw new RoomcastError('unknown_type')
    throw new RoomcastError('invalid_message', { message: `type: this room takes no ${type}` })
  }

  /** Whether a client may ask who is in the room. Throws `forbidden`. */
  checkListing(room: string): void {
    if (this.presenceIn(room) !== 'counts') return
    throw new RoomcastError('forbidden', { message: 'Of this room only backends may list the members' })
  }
}

function rulesOf(family: RoomFamily, defaults: DefaultRules): RoomRules {
  const { checks, history, presence, rateLimit, batchDelayMs = defaults.batchDelayMs, authorize, onMessage } = family
  const { size = defaults.retention.size, ttl } = history
  const ttlMs = ttl === undefined ? defaults.retention.ttlMs : ttl * 1000
  return { checks, rateLimit, authorize, onMessage, presence, batchDelayMs, retention: { size, ttlMs } }
}

/** Throws `RoomDefinitionError` where two families match the same rooms. */
export function refuseTwins(families: readonly RoomFamily[]): void {
  const first = new Map<string, string>()
  for (const { pattern } of families) {
    const shape = shapeOf(pattern)
    const twin = first.get(shape)
    if (twin !== undefined)
      throw new RoomDefinitionError(pattern.text, `${JSON.stringify(twin)} matches the same rooms`)
    first.set(shape, pattern.text)
  }
}
