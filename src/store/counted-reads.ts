import type { Streams } from './streams.js'

/** The same streams; `onRead` is called whenever a log is asked for, whatever comes of it. */
export function countReads(streams: Streams, onRead: () => void): Streams {
  return {
    start: (listener) => streams.start(listener),
    publish: (channel, encoded, options) => streams.publish(channel, encoded, options),
    signal: (channel, encoded, options) => streams.signal(channel, encoded, options),
    read: (channel, query) => {
      onRead()
      return streams.read(channel, query)
    },
    purge: (channel) => streams.purge(channel),
    tops: (channels) => streams.tops(channels),
    subscribe: (channels) => streams.subscribe(channels),
    resubscribe: () => streams.resubscribe(),
    unsubscribe: (channels) => streams.unsubscribe(channels)
  }
}
