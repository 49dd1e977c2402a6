import { isRelayable } from '../protocol/relayable.js'
import type { OffsetRange } from '../protocol/values.js'
import type { ChannelId, Page, ReadQuery, StoredMessage, StreamListener, Streams } from '../store/streams.js'

/** Something in a channel was not written by a node: it is passed over. */
export type OnMalformed = (channel: ChannelId) => void

/**
 * The same streams without what no client could read. What should have been heard is missing then, and is read from the
 * log; what cannot be read there either is a gap.
 */
export function soundStreams(streams: Streams, onMalformed: OnMalformed): Streams {
  return {
    start: (listener) => streams.start(soundListener(listener, onMalformed)),
    publish: (channel, encoded, options) => streams.publish(channel, encoded, options),
    signal: (channel, encoded, options) => streams.signal(channel, encoded, options),
    read: (channel, query) =>
      streams.read(channel, query).then((page) => {
        const sound = soundPage(page, query)
        if (sound !== page) onMalformed(channel)
        return sound
      }),
    purge: (channel) => streams.purge(channel),
    tops: (channels) => streams.tops(channels),
    subscribe: (channels) => streams.subscribe(channels),
    resubscribe: () => streams.resubscribe(),
    unsubscribe: (channels) => streams.unsubscribe(channels)
  }
}

function soundListener(listener: StreamListener, onMalformed: OnMalformed): StreamListener {
  return {
    onMessage: (channel, message) => {
      if (isRelayable(message.encoded)) listener.onMessage(channel, message)
      else onMalformed(channel)
    },
    onSignal: (channel, signal) => listener.onSignal(channel, signal),
    onMalformed
  }
}

/** The page itself where nothing is wrong with it. */
export function soundPage(page: Page, { after, limit }: ReadQuery): Page {
  const { messages, continuity } = page
  const follows = after !== undefined && continuity !== 'reset'
  const from = follows ? (page.gap?.to ?? after.offset) + 1 : (messages[0]?.offset ?? 0)
  const count = soundRun(messages, from)
  const isLost = follows && limit > 0 && messages.length === 0 && page.hasMore
  if (count === messages.length && !isLost) return page
  // Newest first is how the others are looked for: what is left of them is enough.
  if (!follows) return { ...page, messages: messages.filter(({ encoded }) => isRelayable(encoded)) }
  return count > 0 ? { ...page, messages: messages.slice(0, count), hasMore: true } : afterGap(page, from)
}

/** How many from the beginning can be read, without a hole. */
function soundRun(messages: readonly StoredMessage[], from: number): number {
  const end = messages.findIndex(({ offset, encoded }, index) => offset !== from + index || !isRelayable(encoded))
  return end === -1 ? messages.length : end
}

/** A page whose beginning cannot be read. */
function afterGap(page: Page, from: number): Page {
  const { messages } = page
  const next = messages.find(({ encoded }) => isRelayable(encoded))
  const last = messages.at(-1) ?? page.top
  const to = next === undefined ? (last?.offset ?? from) : next.offset - 1
  const gap: OffsetRange = { from: page.gap?.from ?? from, to }
  const rest = messages.filter(({ offset }) => offset > to)
  const sound = rest.slice(0, soundRun(rest, to + 1))
  const hasMore = (sound.at(-1)?.offset ?? to) < (page.top?.offset ?? 0)
  return { ...page, messages: sound, hasMore, continuity: 'gap', gap }
}
