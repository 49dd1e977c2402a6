import { HISTORY_LIMIT_DEFAULT } from '../protocol/commands.js'
import type { HistoryPage } from '../protocol/replies.js'
import type { ChannelId, ReadQuery, Streams } from '../store/streams.js'
import { publicationOf } from './publication.js'

/** At most one of `after` and `before`, both exclusive; with neither the newest. */
export interface HistoryRequest {
  readonly after?: number | undefined
  readonly before?: number | undefined
  readonly limit?: number | undefined
}

/** A page of a channel's history, oldest first, of what lies after the offset `floor`. Throws `store_unavailable`. */
export async function readHistory(
  streams: Streams,
  channel: ChannelId,
  { after, before, limit = HISTORY_LIMIT_DEFAULT }: HistoryRequest,
  floor = 0
): Promise<HistoryPage> {
  const query: ReadQuery =
    after === undefined ? { before, limit } : { after: { offset: Math.max(after, floor) }, limit }
  const page = await streams.read(channel, query)
  const messages = page.messages.filter(({ offset }) => offset > floor)
  const reachesFloor = after === undefined && (messages[0]?.offset ?? 0) <= floor + 1
  return {
    epoch: page.top?.epoch ?? null,
    offset: page.top?.offset ?? 0,
    messages: messages.map((message) => publicationOf(message).payload),
    has_more: page.hasMore && !(floor > 0 && reachesFloor)
  }
}
