import type { Publisher, Stamp } from '../channels/publisher.js'
import type { Connection } from '../connections/connection.js'
import { RoomcastError } from '../errors.js'
import { isNamedUser } from '../protocol/ids.js'
import { type ChannelTag, encodeDirectMessage } from '../protocol/pushes.js'
import type { CursorReply, DirectReply, PublishedReply } from '../protocol/replies.js'
import type { Presence } from '../store/presence.js'
import type { ChannelId, Retention } from '../store/streams.js'
import { cursorKeyOf, type DeviceFeeds, type FeedPage } from './device-feeds.js'

export interface InboxRegistryOptions {
  readonly publisher: Publisher
  readonly feeds: DeviceFeeds
  readonly presence: Presence
  readonly retention: Retention
}

export interface DirectRequest {
  readonly to: string
  readonly from: string | null
  /** JSON text. */
  readonly content: string
  readonly messageId?: string | undefined
}

export interface InboxQuery {
  readonly userId: string
  readonly deviceId: string
  readonly after?: number | undefined
  readonly limit?: number | undefined
}

export const INBOX_LIMIT_DEFAULT = 50

/** Of every inbox. */
const tag: ChannelTag = { inbox: true }

/** The channel of each user: messages for whoever is behind it, on every device until that has acknowledged them. */
export class InboxRegistry {
  readonly #options: InboxRegistryOptions

  constructor(options: InboxRegistryOptions) {
    this.#options = options
  }

  /** A connection became known as a user's: sends what its device has not acknowledged, then goes on live. */
  attach(connection: Connection): void {
    const { userId } = connection
    if (userId === null || !isNamedUser(userId)) return
    void this.#options.feeds.attach(connection, { channel: channelOf(userId), tag })
  }

  /** Stores a message in the recipient's inbox and sends it to all devices. Throws `store_unavailable` with its id. */
  async send(request: DirectRequest): Promise<{ published: PublishedReply; online: number }> {
    const { publisher, presence, retention } = this.#options
    const { to, from, content, messageId } = request
    const encode = (stamp: Stamp) => encodeDirectMessage({ to, from, content, ...stamp })
    const published = await publisher.publish(channelOf(to), { messageId, retention, encode })
    // Stored is stored: that nobody can be counted now changes nothing.
    const [online = 0] = await presence.connections([to]).catch(() => [])
    return { published, online }
  }

  /** As `send`, with the answer that a client gets. */
  async sendDirect(request: DirectRequest): Promise<DirectReply> {
    const { published, online } = await this.send(request)
    const { message_id, timestamp, duplicate, durable } = published
    return { to: request.to, message_id, timestamp, duplicate, durable, online }
  }

  /** Moves the cursor of the connection's device. Throws `forbidden` for an anonymous user. */
  async acknowledge(
    connection: Connection,
    position: { offset: number; epoch?: string | undefined }
  ): Promise<CursorReply> {
    const { userId } = connection
    if (userId === null || !isNamedUser(userId)) throw new RoomcastError('forbidden')
    return await this.#options.feeds.acknowledge(cursorKeyOf(connection, channelOf(userId)), position)
  }

  /** The same for a backend that speaks for a device. */
  async acknowledgeFor(
    { userId, deviceId }: InboxQuery,
    position: { offset: number; epoch?: string | undefined }
  ): Promise<CursorReply> {
    return await this.#options.feeds.acknowledge({ userId, deviceId, channel: channelOf(userId) }, position)
  }

  async read({
    userId,
    deviceId,
    after,
    limit = INBOX_LIMIT_DEFAULT
  }: InboxQuery): Promise<FeedPage & { readonly user_id: string }> {
    const key = { userId, deviceId, channel: channelOf(userId) }
    return { user_id: userId, ...(await this.#options.feeds.read(key, { after, limit })) }
  }
}

function channelOf(userId: string): ChannelId {
  return `user:${userId}`
}
