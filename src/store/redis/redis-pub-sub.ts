import { answered } from '../answered.js'
import type { OnPayload, PubSub } from '../pub-sub.js'
import { type RedisConnections, renew } from './connections.js'

/** Redis' own channels, by their own names. Shares the subscriber's connection with the streams, and nothing else. */
export class RedisPubSub implements PubSub {
  readonly #connections: RedisConnections
  /** What this node hears: the one truth, also after a reconnect. */
  readonly #channels = new Set<string>()

  constructor(connections: RedisConnections) {
    this.#connections = connections
  }

  start(onPayload: OnPayload): void {
    const { subscriber } = this.#connections
    subscriber.on('messageBuffer', (name: Buffer, payload: Buffer) => {
      // The streams' messages come by here as well, and there are many.
      if (this.#channels.size === 0) return
      const channel = name.toString()
      if (this.#channels.has(channel)) onPayload(channel, payload)
    })
    subscriber.on('ready', () => this.#resubscribe())
  }

  async publish(channel: string, payload: Buffer): Promise<void> {
    await answered(this.#connections.commands.publish(channel, payload))
  }

  async subscribe(channel: string): Promise<void> {
    this.#channels.add(channel)
    try {
      await answered(this.#connections.subscriber.subscribe(channel))
    } catch (error) {
      // Not waited for: the caller has waited long enough.
      void this.unsubscribe(channel)
      throw error
    }
  }

  async unsubscribe(channel: string): Promise<void> {
    if (!this.#channels.delete(channel)) return
    // Where Redis is away, the connection that hears it is gone as well.
    await this.#connections.subscriber.unsubscribe(channel).catch(() => {})
  }

  #resubscribe(): void {
    const { subscriber } = this.#connections
    if (this.#channels.size === 0) return
    // A new connection is needed; the streams may have asked for one already.
    subscriber.subscribe(...this.#channels).catch(() => renew(subscriber))
  }
}
