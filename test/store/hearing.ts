import { setTimeout as sleep } from 'node:timers/promises'
import type {
  ChannelId,
  Published,
  PublishOptions,
  SignalMessage,
  StoredMessage,
  StreamListener,
  Streams
} from '../../src/store/streams.js'

/** What a node of a test has heard, in the order in which it came. */
export class Hearing implements StreamListener {
  readonly messages: Array<{ channel: ChannelId; message: StoredMessage }> = []
  readonly signals: Array<{ channel: ChannelId; signal: SignalMessage }> = []

  onMessage(channel: ChannelId, message: StoredMessage): void {
    this.messages.push({ channel, message })
  }

  onSignal(channel: ChannelId, signal: SignalMessage): void {
    this.signals.push({ channel, signal })
  }

  offsets(channel: ChannelId): number[] {
    return this.messages.filter((heard) => heard.channel === channel).map(({ message }) => message.offset)
  }

  texts(channel: ChannelId): string[] {
    return this.messages.filter((heard) => heard.channel === channel).map(({ message }) => `${message.encoded}`)
  }

  signalTexts(channel: ChannelId): string[] {
    return this.signals.filter((heard) => heard.channel === channel).map(({ signal }) => `${signal.encoded}`)
  }
}

/** Waits until `holds` does; rejects after `deadlineMs`. */
export async function until(holds: () => boolean | Promise<boolean>, deadlineMs = 10_000): Promise<void> {
  const end = performance.now() + deadlineMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`did not come true within ${deadlineMs} ms: ${holds}`)
    await sleep(5)
  }
}

export const DAY_MS = 86_400_000
export const roomy = { size: 1000, ttlMs: DAY_MS }
let serial = 0

/** A message id that no other publish of this process has. */
export function freshId(): string {
  return `id-${++serial}`
}

/** A name that no other test uses. */
export function freshChannel(): ChannelId {
  return `room:test-${++serial}`
}

/** Publishes with what a test does not care about filled in. */
export async function post(
  streams: Streams,
  channel: ChannelId,
  content: string | Buffer = 'hi',
  options: Partial<PublishOptions> = {}
): Promise<Published> {
  const encoded = typeof content === 'string' ? Buffer.from(content) : content
  const defaults = { messageId: freshId(), timestamp: Date.now(), retention: roomy, idempotencyMs: 60_000 }
  return await streams.publish(channel, encoded, { ...defaults, ...options })
}

/** Publishes `count` messages one after the other; their contents are their offsets. */
export async function fill(
  streams: Streams,
  channel: ChannelId,
  count: number,
  options: Partial<PublishOptions> = {}
): Promise<Published[]> {
  return await Promise.all(
    Array.from({ length: count }, (_, index) => post(streams, channel, String(index + 1), options))
  )
}

export function offsetsOf(messages: readonly StoredMessage[]): number[] {
  return messages.map(({ offset }) => offset)
}

/** The whole numbers from `from` to `to`. */
export function span(from: number, to: number): number[] {
  return Array.from({ length: Math.max(to - from + 1, 0) }, (_, index) => from + index)
}
