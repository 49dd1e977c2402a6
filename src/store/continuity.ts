import type { OffsetRange } from '../protocol/values.js'
import type { After, Page, StoredMessage } from './streams.js'

const EPOCH_BYTES = 9

/** The end of an earlier epoch: what it had up to `offset` still holds, what it had beyond is void. */
export interface Fork {
  readonly epoch: string
  readonly offset: number
}

/** The name of a history that begins or forks. */
export function newEpoch(random: { bytes(count: number): Buffer }): string {
  return random.bytes(EPOCH_BYTES).toString('base64url')
}

/** How many forks a channel remembers; positions older than that are void. */
export const FORKS_MAX = 64

export interface StreamState {
  readonly epoch: string
  readonly top: number
  /** Oldest first. */
  readonly forks: readonly Fork[]
}

export type Verdict = { readonly valid: true } | { readonly valid: false; readonly holds: number }

/**
 * Whether a position still names a place in this history (protocol.md, section 1): of the present epoch up to the
 * top, of an earlier one up to every fork since. Where not, `holds` is the last offset of it that does.
 */
export function judgePosition({ epoch, top, forks }: StreamState, after: After): Verdict {
  if (after.epoch === undefined) return { valid: true }
  let holds = top
  if (after.epoch !== epoch) {
    const since = forks.findIndex((fork) => fork.epoch === after.epoch)
    if (since === -1) return { valid: false, holds: 0 }
    holds = Math.min(top, ...forks.slice(since).map((fork) => fork.offset))
  }
  return after.offset <= holds ? { valid: true } : { valid: false, holds }
}

/** What lies between `after` and the oldest message that is kept, where anything does. */
export function gapBetween(after: number, oldest: number): OffsetRange | undefined {
  return oldest > after + 1 ? { from: after + 1, to: oldest - 1 } : undefined
}

/** The fields of a page that follow from where it was to begin and the oldest message kept (top + 1 for none). */
export function continuityOf(
  verdict: Verdict,
  after: After | undefined,
  oldest: number
): Pick<Page, 'continuity' | 'gap' | 'holds'> {
  if (!verdict.valid) return { continuity: 'reset', holds: verdict.holds }
  const gap = after && gapBetween(after.offset, oldest)
  return gap ? { continuity: 'gap', gap } : { continuity: 'contiguous' }
}

/** Whether the message found at a position is another one than the position names. */
export function isAnotherMessage(after: After, found: StoredMessage | undefined): boolean {
  return after.messageId !== undefined && found !== undefined && found.messageId !== after.messageId
}

/** The page of a channel that nobody has used: any position with an epoch is void in it. */
export function emptyPage(after: After | undefined): Page {
  const base = { top: undefined, oldest: 1, messages: [], hasMore: false }
  return after?.epoch === undefined ? { ...base, continuity: 'contiguous' } : { ...base, continuity: 'reset', holds: 0 }
}
