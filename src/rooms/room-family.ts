import { type Static, type TSchema, type TUnknown, Type } from '@sinclair/typebox'
import { HasTransform } from '@sinclair/typebox/value'
import { isReservedType } from '../protocol/message-types.js'
import { createValidator } from '../protocol/validation.js'
import { RoomDefinitionError } from './definition-error.js'
import { parsePattern, type RoomParams, type RoomPattern } from './room-pattern.js'

/** Message types, each with the schema of its `content`. */
export type MessageSchemas = Readonly<Record<string, TSchema>>

/** What a room takes that no schemas are given for. */
export type AnyChat = { readonly chat_message: TUnknown }

/** A message on its way into a room of a family: `type` tells which `content` it has. */
export type RoomMessage<Pattern extends string = string, Messages extends MessageSchemas = MessageSchemas> = {
  [Name in keyof Messages & string]: {
    readonly type: Name
    readonly content: Static<Messages[Name]>
    readonly room: string
    /** What the pattern's parameters are in the room's name. */
    readonly params: RoomParams<Pattern>
    /** Null where a backend named no user. */
    readonly userId: string | null
  }
}[keyof Messages & string]

/** What a client may want to do in a room. */
export type RoomOperation = 'join' | 'publish' | 'signal' | 'history' | 'members'

/** A client at the door of a room. */
export interface RoomVisit<Pattern extends string = string> {
  readonly operation: RoomOperation
  readonly room: string
  /** What the pattern's parameters are in the room's name. */
  readonly params: RoomParams<Pattern>
  /** Null for one that has told no name: in open mode one may read without. */
  readonly userId: string | null
}

const MODE_PATTERN = '^(list|counts|off)$'

/**
 * `list`: members hear who comes and goes, and may list who is there. `counts`: they hear how many, at most once a
 * second, and only backends may list. `off`: nobody is counted.
 */
export type PresenceMode = 'list' | 'counts' | 'off'

export interface HistoryPolicy {
  /** Newest messages that a room keeps; `HISTORY_SIZE` where it is missing. */
  readonly size?: number | undefined
  /** Seconds that a room keeps a message; `HISTORY_TTL` where it is missing. */
  readonly ttl?: number | undefined
}

/** Publishes and signals of one connection into all rooms of the family together. Backends are not limited. */
export interface RatePolicy {
  /** On average; above 0, not necessarily whole. */
  readonly perSecond: number
  /** At once. */
  readonly burst: number
}

/** What holds in the rooms of a family. What is missing is as the settings have it. */
export interface RoomPolicy<Pattern extends string, Messages extends MessageSchemas> {
  /** The only message types that may be published. Without: `chat_message` with any content. */
  readonly messages?: Messages
  readonly history?: HistoryPolicy
  readonly presence?: PresenceMode
  readonly rateLimit?: RatePolicy
  /** Milliseconds that a message may wait for others; `BATCH_DELAY_MS` where it is missing. */
  readonly batchDelayMs?: number
  /**
   * Called before a client joins, publishes, sends a signal, reads the history or lists the members, and for each room of
   * a session that comes back; not for backends. It only takes away: a token has to grant the same. Awaited. Only `true`
   * lets the client go on; else, and for a `RoomcastError` that it throws, the client is refused. Anything else that it
   * throws is `internal` and reported.
   */
  readonly authorize?: (visit: RoomVisit<Pattern>) => boolean | Promise<boolean>
  /**
   * Called on the node that takes a message, for clients and backends alike: after its content was found to fit and
   * before it is stored; also for a repetition under the same `message_id`. Messages of one connection to one room
   * come one after another, and are stored in that order. Awaited. What it throws refuses the message: a
   * `RoomcastError` is told to the publisher as it is, anything else is `internal` and reported.
   */
  readonly onMessage?: (message: RoomMessage<Pattern, Messages>) => unknown
}

/** Throws `invalid_message`, naming the field, where a content does not fit. */
export type ContentCheck = (content: unknown) => void

const FAMILY = Symbol.for('roomcast.room-family')

/** A definition that was found to be right. */
export interface RoomFamily {
  readonly [FAMILY]: true
  readonly pattern: RoomPattern
  /** Undefined where only `chat_message` may be published, with any content. */
  readonly checks: ReadonlyMap<string, ContentCheck> | undefined
  readonly history: HistoryPolicy
  readonly presence: PresenceMode
  readonly rateLimit: RatePolicy | undefined
  readonly batchDelayMs: number | undefined
  readonly authorize: ((visit: RoomVisit) => boolean | Promise<boolean>) | undefined
  readonly onMessage: ((message: RoomMessage) => unknown) | undefined
}

/**
 * A policy for the rooms whose names fit the pattern: segments between `/`, each a text or `:name` for any one
 * segment. Throws `RoomDefinitionError` where it is not right.
 *
 * @example
 * defineRoom('chat/:id', { messages: { text: Type.Object({ text: Type.String() }) }, history: { size: 50 } })
 */
export function defineRoom<const Pattern extends string, Messages extends MessageSchemas = AnyChat>(
  pattern: Pattern,
  policy: RoomPolicy<Pattern, Messages> = {}
): RoomFamily {
  const parsed = parsePattern(pattern)
  checkPolicy(pattern, policy)
  const { messages, history = {}, presence = 'list', rateLimit, batchDelayMs, authorize, onMessage } = policy
  return Object.freeze({
    [FAMILY]: true as const,
    pattern: parsed,
    checks: messages === undefined ? undefined : compileChecks(pattern, messages),
    history,
    presence,
    rateLimit,
    batchDelayMs,
    authorize: authorize as RoomFamily['authorize'],
    // It is given no message whose content the check of its type has not passed, and no other room's parameters.
    onMessage: onMessage as RoomFamily['onMessage']
  })
}

export function isRoomFamily(value: unknown): value is RoomFamily {
  return typeof value === 'object' && value !== null && FAMILY in value
}

const NUMBER_MAX = 2_147_483_647
const Whole = (minimum: number) => Type.Integer({ minimum, maximum: NUMBER_MAX })
const exactly = { additionalProperties: false }
/** As of the setting: what waits for longer is no push any more. */
const BATCH_DELAY_MS_MAX = 10_000

/** A settings module is JavaScript: nobody has looked at its types. */
const validatePolicy = createValidator(
  Type.Object(
    {
      messages: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      history: Type.Optional(Type.Object({ size: Type.Optional(Whole(0)), ttl: Type.Optional(Whole(0)) }, exactly)),
      presence: Type.Optional(Type.String({ pattern: MODE_PATTERN })),
      rateLimit: Type.Optional(
        Type.Object({ perSecond: Type.Number({ exclusiveMinimum: 0, maximum: NUMBER_MAX }), burst: Whole(1) }, exactly)
      ),
      batchDelayMs: Type.Optional(Type.Integer({ minimum: 0, maximum: BATCH_DELAY_MS_MAX })),
      authorize: Type.Optional(Type.Function([], Type.Unknown())),
      onMessage: Type.Optional(Type.Function([], Type.Unknown()))
    },
    exactly
  )
)

function checkPolicy(pattern: string, policy: object): void {
  try {
    validatePolicy(policy)
  } catch (error) {
    throw new RoomDefinitionError(pattern, (error as Error).message)
  }
}

const typeName = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

function compileChecks(pattern: string, messages: MessageSchemas): ReadonlyMap<string, ContentCheck> {
  const checks = Object.entries(messages).map(([type, schema]): [string, ContentCheck] => {
    if (!typeName.test(type)) {
      const form = 'a letter, then up to 63 of A-Z a-z 0-9 _ . -'
      throw new RoomDefinitionError(pattern, `messages: ${JSON.stringify(type)} is no name of a type (${form})`)
    }
    if (isReservedType(type)) throw new RoomDefinitionError(pattern, `messages: ${type} is a type of the protocol`)
    return [type, compileCheck(schema, (fault) => new RoomDefinitionError(pattern, `messages.${type}: ${fault}`))]
  })
  return new Map(checks)
}

function compileCheck(schema: TSchema, failure: (fault: string) => Error): ContentCheck {
  let validate: ContentCheck
  try {
    validate = createValidator(Type.Object({ content: schema }))
  } catch {
    throw failure('not a schema of TypeBox')
  }
  // Its type would be that of a value which nobody has made.
  if (HasTransform(schema, [])) throw failure('a schema here checks, it cannot transform')
  return (content) => void validate({ content })
}
