import type { ChannelId } from '../store/streams.js'

const PREFIX = 'group:'

export function groupChannel(group: string): ChannelId {
  return `${PREFIX}${group}`
}

/** The group of a channel; undefined where it is none of a group. */
export function groupOf(channel: ChannelId): string | undefined {
  return channel.startsWith(PREFIX) ? channel.slice(PREFIX.length) : undefined
}
