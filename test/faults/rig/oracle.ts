import type { Hearing } from './hearing.js'
import type { Sent } from './publisher.js'
import type { RoomHistory } from './room-history.js'

/** What the store may do to messages that it acknowledged: what it loses is to be told in any case. */
export type Loss = 'nothing' | 'rolled back' | 'trimmed'

export interface RoomEvidence {
  readonly sent: readonly Sent[]
  readonly hearings: readonly Hearing[]
  readonly mayLose: Loss
}

export interface RoomVerdict {
  readonly faults: readonly string[]
  /** Acknowledged, and no longer stored. */
  readonly lost: number
}

/** Holds what publishers know and members heard against what the room has at the end (I1, I3, I5). */
export function judgeRoom(history: RoomHistory, { sent, hearings, mayLose }: RoomEvidence): RoomVerdict {
  const places = placesOf(history)
  const verdicts = sent.map((one) => judgeSent(one, places.get(one.id) ?? [], history, mayLose))
  return {
    faults: [...verdicts.flatMap(({ faults }) => faults), ...hearings.flatMap((hearing) => hearing.compare(history))],
    lost: verdicts.filter(({ isLost }) => isLost).length
  }
}

interface Place {
  readonly epoch: string
  readonly offset: number
}

function placesOf({ stored }: RoomHistory): Map<string, Place[]> {
  const places = new Map<string, Place[]>()
  for (const { epoch, offset, message_id } of stored.values()) {
    places.set(message_id, [...(places.get(message_id) ?? []), { epoch, offset }])
  }
  return places
}

function judgeSent({ id, place }: Sent, found: readonly Place[], { oldest }: RoomHistory, mayLose: Loss) {
  if (found.length > 1) return { isLost: false, faults: [`I5: ${id} is stored ${found.length} times`] }
  if (place === undefined) return { isLost: false, faults: [] }
  const [there] = found
  if (there === undefined) {
    const isAllowed = mayLose === 'rolled back' || (mayLose === 'trimmed' && place.offset < oldest)
    return { isLost: true, faults: isAllowed ? [] : [`I1: ${id} was acknowledged at ${place.offset} and is lost`] }
  }
  const isThere = there.epoch === place.epoch && there.offset === place.offset
  const fault = `I5: ${id} was acknowledged at ${place.epoch} ${place.offset}, and is at ${there.epoch} ${there.offset}`
  return { isLost: false, faults: isThere ? [] : [fault] }
}
