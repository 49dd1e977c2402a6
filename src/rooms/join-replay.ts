import type { Channel } from '../channels/channel.js'
import type { Replay } from '../channels/channel-log.js'
import type { PositionInput } from '../protocol/commands.js'
import type { Recovered } from '../protocol/replies.js'
import type { Page, Position } from '../store/streams.js'

/** What a join asks for of what was before it. */
export interface ReplayRequest {
  readonly since?: PositionInput | undefined
  readonly last?: number | undefined
}

/** The first page of it; undefined where nothing is asked for. Throws `store_unavailable`. */
export async function readReplay(channel: Channel, { since, last }: ReplayRequest): Promise<Replay | undefined> {
  if (since !== undefined) {
    return await channel.log.after({ epoch: since.epoch, offset: since.offset, messageId: since.message_id })
  }
  return last === undefined ? undefined : await channel.log.newest(last)
}

/** Where the receiver stands before its replay. */
export function startOf(channel: Channel, page: Replay | undefined): Position {
  if (page === undefined) return channel.position
  const first = page.publications[0]
  return first === undefined ? (page.top ?? channel.position) : { epoch: first.epoch, offset: first.offset - 1 }
}

/** A page may have been read before its last messages reached this node's channel. */
export function newestOf(heard: Position, read: Position | undefined): Position {
  return read !== undefined && read.offset > heard.offset ? read : heard
}

export function recoveryOf(page: Replay | undefined): { recovered: Recovered; gap?: NonNullable<Page['gap']> } {
  if (page === undefined) return { recovered: 'none' }
  if (page.continuity === 'contiguous') return { recovered: 'full' }
  return page.gap === undefined ? { recovered: 'reset' } : { recovered: 'gap', gap: page.gap }
}
