import type { OnPayload, PubSub } from '../pub-sub.js'

/** Publish and subscribe within one process. */
export class EmbeddedPubSub implements PubSub {
  readonly #channels = new Set<string>()
  #onPayload: OnPayload = () => {}

  start(onPayload: OnPayload): void {
    this.#onPayload = onPayload
  }

  async publish(channel: string, payload: Buffer): Promise<void> {
    if (!this.#channels.has(channel)) return
    // Not within the publisher's own step, as over a network; in the order of the calls all the same.
    setImmediate(() => {
      if (this.#channels.has(channel)) this.#onPayload(channel, payload)
    })
  }

  async subscribe(channel: string): Promise<void> {
    this.#channels.add(channel)
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#channels.delete(channel)
  }
}
