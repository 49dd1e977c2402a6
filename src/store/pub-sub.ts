/** What was published to a channel, in bytes, as it was given. Must not throw. */
export type OnPayload = (channel: string, payload: Buffer) => void

/**
 * Plain publish and subscribe by name, at most once: nothing is numbered or kept, and a payload that comes while a
 * node does not hear the channel is lost to it. On Redis the names are Redis' own channels, so that other programs
 * take part.
 *
 * Every method rejects with `store_unavailable` where the store does not answer in time; whether a payload was sent is
 * then unknown.
 */
export interface PubSub {
  /** Call once, before anything else. `onPayload` gets the payloads of one channel in the order they were sent. */
  start(onPayload: OnPayload): void
  /** Sends to the subscribers of all nodes, this one included. May resolve before or after they have got it. */
  publish(channel: string, payload: Buffer): Promise<void>
  /**
   * Begins to hear the channel; idempotent. Resolves once the store has confirmed: whatever is published later is
   * heard, until `unsubscribe`. After the store was away it is heard again by itself.
   */
  subscribe(channel: string): Promise<void>
  /** Stops hearing the channel; idempotent. Nothing is heard from the call on. */
  unsubscribe(channel: string): Promise<void>
}
