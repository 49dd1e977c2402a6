import type { ChannelRegistry } from './channels/channel-registry.js'
import type { Clock } from './clock.js'
import type { ConnectionPool } from './connections/connection-pool.js'
import { encodeBroadcast, formatTime } from './protocol/pushes.js'
import { isRelayable } from './protocol/relayable.js'
import type { Random } from './random.js'
import { NO_RETENTION, type Streams } from './store/streams.js'

export interface BroadcastsOptions {
  readonly streams: Streams
  readonly channels: ChannelRegistry
  readonly pool: ConnectionPool
  readonly clock: Clock
  readonly random: Random
  readonly onDelivered: (count: number) => void
}

export interface BroadcastRequest {
  /** JSON text. */
  readonly content: string
  readonly messageId?: string | undefined
  /** Ids of connections that do not get it. */
  readonly exclude?: readonly string[] | undefined
}

/** Heard by every node, stored by none. */
const CHANNEL = 'broadcast:'

/** Messages to every connection of every node, at most once. */
export class Broadcasts {
  readonly #options: BroadcastsOptions

  constructor(options: BroadcastsOptions) {
    this.#options = options
  }

  /** Begins to hear the broadcasts of all nodes. */
  async start(): Promise<void> {
    const { channels, pool, onDelivered } = this.#options
    await channels.listen(CHANNEL, {
      tag: { room: CHANNEL },
      retention: NO_RETENTION,
      onSignal: (_channel, { encoded, exclude }) => {
        if (!isRelayable(encoded)) return false
        onDelivered(pool.broadcast(encoded, new Set(exclude)))
        return true
      }
    })
  }

  /** Throws `store_unavailable`. */
  async send({ content, messageId: given, exclude }: BroadcastRequest): Promise<{
    message_id: string
    timestamp: string
  }> {
    const { clock, random } = this.#options
    const timestamp = clock.now()
    const messageId = given ?? random.timeUuid(timestamp)
    await this.#options.streams.signal(CHANNEL, encodeBroadcast({ content, messageId, timestamp }), { exclude })
    return { message_id: messageId, timestamp: formatTime(timestamp) }
  }
}
