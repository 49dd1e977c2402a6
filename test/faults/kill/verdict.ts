import type { Book, Sent } from './book.js'
import type { StoredMessage } from './streams.js'

/** What of a stream is looked at. */
export interface Extent {
  /** It begins after this offset. */
  readonly floor: number
  readonly sent: Iterable<Sent>
  /** Retries come late: with them the order of their publishers is not theirs any more. */
  readonly withRetries: boolean
}

/** What is wrong with what is stored, seen from what the publishers know. */
export function judge(book: Book, stored: readonly StoredMessage[], { floor, sent, withRetries }: Extent): string[] {
  const byId = new Map(stored.map((message) => [message.message_id, message]))
  return [
    ...holes(floor, stored),
    ...repeats(stored),
    ...phantoms(book, stored),
    ...lost(byId, sent),
    ...(withRetries ? [] : disorder(stored))
  ].map((fault) => `${book.stream}: ${fault}`)
}

/** What somebody heard before the end has to be stored. */
export function judgeHeard({ stream, heard }: Book, stored: readonly StoredMessage[]): string[] {
  const byOffset = new Map(stored.map((message) => [message.offset, message]))
  return heard
    .filter(({ offset, message_id }) => byOffset.get(offset)?.message_id !== message_id)
    .map(({ offset, message_id }) => `${stream}: ${message_id} was heard at ${offset} and is not stored there`)
}

function holes(floor: number, stored: readonly StoredMessage[]): string[] {
  const wrong = stored.find(({ offset }, index) => offset !== floor + index + 1)
  return wrong === undefined ? [] : [`offset ${wrong.offset} stands where ${floor + stored.indexOf(wrong) + 1} should`]
}

function repeats(stored: readonly StoredMessage[]): string[] {
  const seen = new Set<string>()
  return stored.flatMap(({ message_id, offset }) => {
    const isRepeat = seen.has(message_id)
    seen.add(message_id)
    return isRepeat ? [`${message_id} is there again at ${offset}`] : []
  })
}

function phantoms({ sent }: Book, stored: readonly StoredMessage[]): string[] {
  return stored.filter(({ message_id }) => !sent.has(message_id)).map(({ message_id }) => `nobody sent ${message_id}`)
}

function lost(byId: ReadonlyMap<string, StoredMessage>, sent: Iterable<Sent>): string[] {
  return [...sent].flatMap(({ id, acknowledged }) => {
    if (acknowledged === undefined) return []
    const found = byId.get(id)
    if (found === undefined) return [`${id} was acknowledged and is lost`]
    const { epoch = found.epoch, offset = found.offset } = acknowledged
    const isThere = found.epoch === epoch && found.offset === offset
    return isThere ? [] : [`${id} was acknowledged at ${epoch} ${offset} and is at ${found.epoch} ${found.offset}`]
  })
}

/** Each publisher's messages stand in the order in which it sent them. */
function disorder(stored: readonly StoredMessage[]): string[] {
  const last = new Map<string, number>()
  return stored.flatMap(({ content: { publisher, n }, message_id }) => {
    const before = last.get(publisher) ?? 0
    last.set(publisher, Math.max(n, before))
    return n > before ? [] : [`${message_id} stands after ${before} of the same publisher`]
  })
}
