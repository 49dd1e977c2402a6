import type { FanOutBudget } from '../channels/fan-out-budget.js'
import { PublishOrder } from '../channels/publish-order.js'
import type { Publisher, Stamp } from '../channels/publisher.js'
import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import { CHAT_MESSAGE } from '../protocol/message-types.js'
import { encodeChatMessage, encodeSignal } from '../protocol/pushes.js'
import type { PublishReply } from '../protocol/replies.js'
import type { ChannelId, Retention, Streams } from '../store/streams.js'
import { runHook } from './family-hook.js'
import { FamilyRates } from './family-rates.js'
import type { RoomAccess } from './room-access.js'
import type { RoomFamilies, RoomRules, RulesInRoom } from './room-families.js'
import { encodeRelay } from './room-signals.js'

export interface RoomPublisherOptions {
  readonly streams: Streams
  readonly publisher: Publisher
  readonly families: RoomFamilies
  readonly access: RoomAccess
  readonly fanOuts: FanOutBudget
  readonly clock: Clock
  readonly channelOf: (room: string) => ChannelId
  /** A handler of a family that failed. */
  readonly onError: (error: unknown) => void
}

export interface PublishRequest {
  readonly room: string
  /** `chat_message` where it is missing. */
  readonly type?: string | undefined
  /** JSON text. */
  readonly content: string
  readonly userId: string | null
  readonly messageId?: string | undefined
  /** Ids of connections that do not get it live. */
  readonly exclude?: readonly string[] | undefined
  /** The client's; none where a backend publishes. */
  readonly connection?: Connection | undefined
  /** Requests with the same object keep their order in each room; those of one connection do by themselves. */
  readonly batch?: object | undefined
}

export interface SignalRequest {
  readonly room: string
  /** JSON text. */
  readonly content: string
  readonly userId: string
}

/** Messages on their way into rooms, as the rooms' families want them. */
export class RoomPublisher {
  readonly #options: RoomPublisherOptions
  readonly #rates: FamilyRates
  readonly #order = new PublishOrder()

  constructor(options: RoomPublisherOptions) {
    this.#options = options
    this.#rates = new FamilyRates(options.clock)
  }

  /**
   * Stores a message and sends it to the members of all nodes. Rejects with `rate_limited`, `unknown_type`,
   * `invalid_message`, what the family's `authorize` and `onMessage` throw, and `store_unavailable` with the message's id.
   */
  publish(request: PublishRequest): Promise<PublishReply> {
    try {
      return this.#publish(request)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Sends to all members but the sender, at most once. Throws `rate_limited`, what the family's `authorize` throws, and
   * `store_unavailable`.
   */
  async signal(connection: Connection, request: SignalRequest): Promise<void> {
    const { families, access } = this.#options
    const { room, userId } = request
    const { rules } = families.in(room)
    this.#charge(connection, room, rules)
    const relay = () => this.#relay(connection, request)
    if (rules.authorize === undefined) await relay()
    else await this.#order.run(connection, room, { check: () => access.check(userId, 'signal', room), store: relay })
  }

  #charge(connection: Connection, room: string, rules: RoomRules): void {
    const { fanOuts, channelOf } = this.#options
    this.#rates.take(connection, rules)
    fanOuts.take(connection, channelOf(room))
  }

  async #relay({ id }: Connection, { room, content, userId }: SignalRequest): Promise<void> {
    const { clock, streams, channelOf } = this.#options
    const payload = encodeSignal({ room, content, userId, timestamp: clock.now() })
    await streams.signal(channelOf(room), encodeRelay(payload), { exclude: [id] })
  }

  /** Without promises of its own: this runs once a message. */
  #publish(request: PublishRequest): Promise<PublishReply> {
    const { families } = this.#options
    const { room, type = CHAT_MESSAGE, connection } = request
    const inRoom = families.in(room)
    const { rules } = inRoom
    if (connection !== undefined) this.#charge(connection, room, rules)
    families.checkType(type, rules)
    if (isPlain(rules)) return this.#store(request, rules.retention)
    return this.#checkAndStore(request, inRoom, type)
  }

  #checkAndStore(request: PublishRequest, inRoom: RulesInRoom, type: string): Promise<PublishReply> {
    const { checks, authorize, onMessage, retention } = inRoom.rules
    const content: unknown = JSON.parse(request.content)
    checks?.get(type)?.(content)
    const store = () => this.#store(request, retention)
    // Without a handler nothing may come in between: what is begun first is stored first.
    if (authorize === undefined && onMessage === undefined) return store()
    const check = () => this.#handle(request, inRoom, content)
    const sender = request.connection ?? request.batch ?? request
    return this.#order.run(sender, request.room, { check, store })
  }

  #store(request: PublishRequest, retention: Retention): Promise<PublishReply> {
    const { publisher, channelOf } = this.#options
    const { room, type = CHAT_MESSAGE, content, userId, messageId, exclude } = request
    const encode = (stamp: Stamp) => encodeChatMessage({ type, room, content, userId, ...stamp })
    const stored = publisher.publish(channelOf(room), { messageId, exclude, retention, encode })
    return stored.then((reply) => ({ room, ...reply }))
  }

  async #handle(request: PublishRequest, { rules, params }: RulesInRoom, content: unknown): Promise<void> {
    const { access, onError } = this.#options
    const { room, type = CHAT_MESSAGE, userId, connection } = request
    if (connection !== undefined) await access.check(userId, 'publish', room)
    await runHook(() => rules.onMessage?.({ type, content, room, params, userId }), onError)
  }
}

/** Nothing is to be looked at before a message is stored. */
function isPlain({ checks, authorize, onMessage }: RoomRules): boolean {
  return checks === undefined && authorize === undefined && onMessage === undefined
}
