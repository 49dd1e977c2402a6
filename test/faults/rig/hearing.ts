import type { Message } from '../../support/live-client.js'
import type { RoomHistory, Stored } from './room-history.js'

export interface Position {
  readonly epoch: string
  readonly offset: number
  readonly message_id?: string
}

interface OffsetRange {
  readonly from: number
  readonly to: number
}

/**
 * What one subscriber knows of one room, as a client that keeps books would: messages, and what it was told of losses.
 * Whatever the protocol does not allow becomes a fault.
 */
export class Hearing {
  readonly faults: string[] = []
  readonly #name: string
  /** Everything up to here was before its time. */
  #from = 0
  #position: Position = { epoch: '', offset: 0 }
  #view = new Map<number, Stored>()
  #gone: OffsetRange[] = []
  /** After a position that was void everything follows, from the oldest that is kept. */
  #anyNext = false
  heard = 0
  repeated = 0
  gaps = 0
  resets = 0

  constructor(name: string) {
    this.#name = name
  }

  /** The last message that was heard, or told as gone. */
  get position(): Position {
    return this.#position
  }

  /** Joined anew: what comes after this position is for it. */
  begin(position: Position): void {
    this.#position = position
    this.#from = position.offset
  }

  message({ epoch, offset, message_id }: Message): void {
    const next = this.#position.offset + 1
    if (offset < next) {
      this.#repeat({ epoch, offset, message_id })
      return
    }
    if (offset > next && !this.#anyNext) this.#fault(`I2: heard ${offset} after ${next - 1} and nothing between`)
    if (this.#anyNext) this.#from = offset - 1
    this.#anyNext = false
    this.heard++
    this.#view.set(offset, { epoch, offset, message_id })
    this.#position = { epoch, offset, message_id }
  }

  /** Told that messages are gone. */
  gap({ epoch, from, to }: Message): void {
    const { offset } = this.#position
    this.gaps++
    if (from > offset + 1 && !this.#anyNext) this.#fault(`I1: told a gap from ${from}, standing at ${offset}`)
    this.#anyNext = false
    this.#gone.push({ from: offset + 1, to })
    this.#position = { epoch, offset: Math.max(to, offset) }
  }

  /** Told that what it heard beyond an offset is void. */
  reset({ epoch, offset }: Message): void {
    this.resets++
    if (offset > this.#position.offset) this.#fault(`I1: reset to ${offset}, standing at ${this.#position.offset}`)
    for (const heard of this.#view.keys()) if (heard > offset) this.#view.delete(heard)
    this.#gone = this.#gone.filter(({ from }) => from <= offset)
    this.#from = Math.min(this.#from, offset)
    this.#position = { epoch, offset }
  }

  /** Came back with its position: what the answer says of it. */
  back({ recovered, epoch, gap }: Message): void {
    if (recovered === 'gap') this.gap({ epoch, ...gap })
    else if (recovered === 'reset') this.#startOver(epoch)
    else if (recovered !== 'full') this.#fault(`I10: came back and was answered ${recovered}`)
  }

  /** What of the history it neither heard nor was told of, and what it takes for good that is not there. */
  compare({ stored, oldest }: RoomHistory): string[] {
    const differs = (offset: number) => {
      const [mine, theirs] = [this.#view.get(offset), stored.get(offset)]
      return mine?.message_id !== theirs?.message_id || mine?.epoch !== theirs?.epoch
    }
    const wasTold = (offset: number) => this.#gone.some(({ from, to }) => from <= offset && offset <= to)
    const missing = [...stored.keys()].filter((offset) => offset > this.#from && differs(offset) && !wasTold(offset))
    const unfounded = [...this.#view.keys()].filter((offset) => offset >= oldest && !stored.has(offset))
    return [
      ...this.faults,
      ...missing.map((offset) =>
        this.#named(`I1: ${offset} is ${show(stored, offset)}, heard ${show(this.#view, offset)}`)
      ),
      ...unfounded.map((offset) =>
        this.#named(`I1: ${show(this.#view, offset)} at ${offset} is lost, and it was not told`)
      )
    ]
  }

  #startOver(epoch: string): void {
    this.resets++
    this.#view.clear()
    this.#gone = []
    this.#from = 0
    this.#anyNext = true
    this.#position = { epoch, offset: 0 }
  }

  /** The filter by epoch and offset takes it away, if it is the same one. */
  #repeat({ epoch, offset, message_id }: Stored): void {
    const known = this.#view.get(offset)
    const isSame = known === undefined || (known.epoch === epoch && known.message_id === message_id)
    this.repeated++
    if (!isSame) this.#fault(`I3: heard ${message_id} (${epoch}) at ${offset} after ${show(this.#view, offset)}`)
  }

  #fault(text: string): void {
    this.faults.push(this.#named(text))
  }

  #named(text: string): string {
    return `${this.#name}: ${text}`
  }
}

function show(messages: ReadonlyMap<number, Stored>, offset: number): string {
  const found = messages.get(offset)
  return found === undefined ? 'nothing' : `${found.message_id} (${found.epoch})`
}
