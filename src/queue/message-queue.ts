import { RoomcastError } from '../errors.js'
import { DEPTH_MAX } from '../protocol/codec.js'
import { hasPrototypeKeys } from '../protocol/json-object.js'
import { scanJsonObject } from '../protocol/json-scan.js'
import type { PubSub } from '../store/pub-sub.js'
import type { IngestType } from './ingest-types.js'
import { HandlerError, type MessageHandler, type TypedMessage } from './typed-message.js'

/** Hears what is published to a channel: any JSON value. */
export type ChannelHandler = (message: unknown, channel: string) => unknown

export interface MessageQueueOptions {
  readonly pubSub: PubSub
  /** Channels whose name begins so are the server's own. */
  readonly reservedPrefix: string
  /** Types that the server handles by itself. */
  readonly builtIn: ReadonlyMap<string, IngestType>
  /** A handler failed. */
  readonly onError: (error: unknown) => void
}

/** One call of `subscribe`. */
interface Subscriber {
  readonly handler: ChannelHandler | undefined
}

interface Subscription {
  readonly subscribers: Set<Subscriber>
  readonly confirmed: Promise<void>
}

/**
 * Messages between the parts of an application, over all nodes: plain pub/sub on named channels, and handlers by type
 * for it and for the ingest stream.
 */
export class MessageQueue {
  readonly #options: MessageQueueOptions
  readonly #handlers = new Map<string, MessageHandler>()
  readonly #subscriptions = new Map<string, Subscription>()
  #dropped = 0
  #closed = false

  constructor(options: MessageQueueOptions) {
    this.#options = options
    options.pubSub.start((channel, payload) => this.#receive(channel, payload))
  }

  /** Messages that nobody could handle: not valid JSON, or of a type without a handler. */
  get dropped(): number {
    return this.#dropped
  }

  /**
   * Handles all messages of a type: those of channels that were subscribed to without a handler, and those of the
   * ingest stream. For the ingest stream register on every node, and before the server is ready: an entry of a type
   * without a handler becomes a dead letter. There each type has its messages one after the other, at least once, and
   * what the handler rejects with is kept with the dead letter. Gives a function that ends it. Throws where the type
   * has a handler already or is one of the server's own.
   */
  registerHandler(type: string, handler: MessageHandler): () => void {
    if (this.#options.builtIn.has(type)) throw new Error(`The type ${type} is the server's own`)
    if (this.#handlers.has(type)) throw new Error(`The type ${type} has a handler already`)
    this.#handlers.set(type, handler)
    return () => {
      if (this.#handlers.get(type) === handler) this.#handlers.delete(type)
    }
  }

  /**
   * Sends a message, as JSON, to all that have subscribed to the channel on all nodes, at most once. Rejects with
   * `invalid_id` or `invalid_message` for a channel or a message that cannot be sent, and with `store_unavailable`.
   */
  async publish(channel: string, message: unknown): Promise<void> {
    this.#checkChannel(channel)
    await this.#options.pubSub.publish(channel, encode(message))
  }

  /**
   * Hears a channel. The handler is called with each message in the order they come, and not waited for; what it
   * throws or rejects with is reported and disturbs nobody. Without one, a message goes to the handler of its type,
   * once, however often the channel was subscribed to in that way. Resolves, once everything published later is
   * heard, with a function that ends it; that is idempotent. Rejects with `invalid_id` or `store_unavailable`.
   */
  async subscribe(channel: string, handler?: ChannelHandler): Promise<() => Promise<void>> {
    this.#checkChannel(channel)
    const subscription = this.#subscriptions.get(channel) ?? this.#open(channel)
    const subscriber = { handler }
    subscription.subscribers.add(subscriber)
    await subscription.confirmed
    return async () => {
      if (subscription.subscribers.delete(subscriber) && subscription.subscribers.size === 0) {
        this.#subscriptions.delete(channel)
        await this.#options.pubSub.unsubscribe(channel)
      }
    }
  }

  /** How entries of a type are handled that come by the ingest stream; undefined for one that nobody handles. */
  ingestTypeOf(type: string): IngestType | undefined {
    const handler = this.#handlers.get(type)
    if (handler === undefined) return this.#options.builtIn.get(type)
    return ({ message }) => ({ lane: `type:${type}`, run: () => handled(handler, message) })
  }

  /** Nothing is handed out any more. */
  close(): void {
    this.#closed = true
  }

  #checkChannel(channel: string): void {
    const { reservedPrefix } = this.#options
    const valid = typeof channel === 'string' && channel !== '' && channel.isWellFormed()
    if (valid && !channel.startsWith(reservedPrefix)) return
    const message = valid ? `channel: ${reservedPrefix}… is the server's own` : 'channel: not a valid name'
    throw new RoomcastError('invalid_id', { message })
  }

  #open(channel: string): Subscription {
    const confirmed = this.#options.pubSub.subscribe(channel)
    const subscription = { subscribers: new Set<Subscriber>(), confirmed }
    this.#subscriptions.set(channel, subscription)
    // Whoever comes next tries anew.
    confirmed.catch(() => this.#subscriptions.delete(channel))
    return subscription
  }

  #receive(channel: string, payload: Buffer): void {
    const subscription = this.#subscriptions.get(channel)
    if (this.#closed || subscription === undefined) return
    const decoded = decode(payload.toString())
    if (decoded === undefined) {
      this.#dropped++
      return
    }
    const { message } = decoded
    const subscribers = [...subscription.subscribers]
    for (const { handler } of subscribers) {
      if (handler !== undefined) void this.#call(() => handler(message, channel))
    }
    if (subscribers.some(({ handler }) => handler === undefined)) this.#dispatch(message)
  }

  #dispatch(message: unknown): void {
    const handler = isTyped(message) ? this.#handlers.get(message.type) : undefined
    if (handler === undefined || !isTyped(message)) this.#dropped++
    else void this.#call(() => handler(message))
  }

  async #call(handle: () => unknown): Promise<void> {
    try {
      await handle()
    } catch (error) {
      this.#options.onError(error)
    }
  }
}

/** Rejects with the handler's own failure, or with `store_unavailable`, which is worth another try. */
async function handled(handler: MessageHandler, message: TypedMessage): Promise<void> {
  try {
    await handler(message)
  } catch (error) {
    if (error instanceof RoomcastError) throw error
    throw new HandlerError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

function encode(message: unknown): Buffer {
  const text = stringify(message)
  if (text === undefined || decode(text) === undefined) {
    throw new RoomcastError('invalid_message', { message: 'message: cannot be sent as JSON' })
  }
  return Buffer.from(text)
}

function stringify(message: unknown): string | undefined {
  try {
    return JSON.stringify(message)
  } catch {
    return undefined
  }
}

/** Undefined for what is not JSON, nested too deep, or with keys that change an object's prototype. */
function decode(text: string): { readonly message: unknown } | undefined {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof message !== 'object' || message === null) return { message }
  const refused = scanJsonObject(text, '').depth > DEPTH_MAX || hasPrototypeKeys(text, message)
  return refused ? undefined : { message }
}

function isTyped(message: unknown): message is TypedMessage {
  return typeof message === 'object' && message !== null && 'type' in message && typeof message.type === 'string'
}
