import type { Clock } from '../clock.js'
import { RoomcastError } from '../errors.js'
import { formatTime } from '../protocol/pushes.js'
import type { PublishedReply } from '../protocol/replies.js'
import type { Random } from '../random.js'
import type { ChannelId, Published, Retention, Streams } from '../store/streams.js'

export interface PublisherOptions {
  readonly streams: Streams
  readonly clock: Clock
  readonly random: Random
  readonly idempotencyMs: number
  /** A message was stored. */
  readonly onPublished: () => void
  /** The store did not take it. */
  readonly onRefused: (error: unknown) => void
}

/** What every message has besides its contents. */
export interface Stamp {
  readonly messageId: string
  /** Milliseconds since 1970. */
  readonly timestamp: number
}

export interface Draft {
  /** Made by the server where it is missing. */
  readonly messageId?: string | undefined
  /** Ids of connections that do not get it live. */
  readonly exclude?: readonly string[] | undefined
  readonly retention: Retention
  /** The message as it is stored, without a position. */
  readonly encode: (stamp: Stamp) => Buffer
}

/** Stores messages in channels, whatever they are for. */
export class Publisher {
  readonly #options: PublisherOptions

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** Stores a message and sends it to all nodes. Rejects with `store_unavailable` with the message's id. */
  publish(channel: ChannelId, { messageId: given, exclude, retention, encode }: Draft): Promise<PublishedReply> {
    const { streams, clock, random, idempotencyMs } = this.#options
    const timestamp = clock.now()
    const messageId = given ?? random.timeUuid(timestamp)
    const options = { messageId, timestamp, retention, idempotencyMs, exclude }
    return streams.publish(channel, encode({ messageId, timestamp }), options).then(
      (published) => this.#onStored(messageId, published),
      (error) => this.#onRefused(messageId, error)
    )
  }

  #onStored(messageId: string, { position, timestamp, duplicate, durable }: Published): PublishedReply {
    if (!duplicate) this.#options.onPublished()
    const { epoch, offset } = position
    return { message_id: messageId, epoch, offset, timestamp: formatTime(timestamp), duplicate, durable }
  }

  #onRefused(messageId: string, error: unknown): never {
    this.#options.onRefused(error)
    if (error instanceof RoomcastError) error.messageId = messageId
    throw error
  }
}
