import type { Connection } from '../connections/connection.js'
import type { Limiter } from '../connections/limiter.js'
import type { ChannelId } from '../store/streams.js'
import type { ChannelRegistry } from './channel-registry.js'

/** What clients publish costs its sender as many deliveries as it comes to on this node; nodes elsewhere have their own. */
export class FanOutBudget {
  readonly #limiter: Limiter
  readonly #channels: ChannelRegistry

  constructor(limiter: Limiter, channels: ChannelRegistry) {
    this.#limiter = limiter
    this.#channels = channels
  }

  /** Before a message is published. Throws `rate_limited`. */
  take(connection: Connection, channel: ChannelId): void {
    this.#limiter.takeDeliveries(connection, this.#channels.get(channel)?.receiverCount ?? 0)
  }
}
