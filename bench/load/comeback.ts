import { delay } from './delay.js'
import { Member } from './member.js'
import { wires } from './wires.js'

/** When one who is not let in asks again. */
const RECONNECT_MS = 1000
/** As if nobody had been here: the client itself says what it wants. */
const wire = { ...wires.roomcast, opening: () => ({ steps: [] }) }

/** What a client keeps over the cut. */
export interface Session {
  readonly id: string
  readonly token: string
  readonly room: string
  readonly position: unknown
}

/** What those who come back have seen so far, all together. */
export interface Tally {
  delivered: number
  /** Connections and resumes that came to nothing, and of these, those that were asked for once more. */
  refused: number
  retried: number
}

interface Refusal {
  readonly code: string
  readonly retry_after_ms?: number
}

/** A client that comes back as a real one does: what is refused for now is asked for again. */
export class Comeback {
  readonly #session: Session
  readonly #missed: number
  readonly #tally: Tally
  #delivered = 0
  #state = 'connecting'
  #member: Member | undefined

  /** `missed` is how many messages it is owed. */
  constructor(session: Session, missed: number, tally: Tally) {
    this.#session = session
    this.#missed = missed
    this.#tally = tally
  }

  get isComplete(): boolean {
    return this.#delivered >= this.#missed
  }

  /** How far it came: the same words for all that stand at the same place. */
  get state(): string {
    return this.isComplete ? 'complete' : this.#state
  }

  /** Resolves when it has asked for its session. `onComplete` is called once. */
  async begin(port: number, onComplete: () => void): Promise<void> {
    this.#member = await this.#connect(port, onComplete)
    this.#resume()
  }

  async #connect(port: number, onComplete: () => void): Promise<Member> {
    for (;;) {
      try {
        return await Member.join({
          ...{ port, wire },
          onCount: (count) => this.#onCount(count, onComplete),
          onText: (text) => this.#onText(text),
          onClose: () => this.#onClose()
        })
      } catch {
        this.#tally.refused++
        await delay(RECONNECT_MS)
        this.#tally.retried++
      }
    }
  }

  #resume(): void {
    const { id, token, room, position } = this.#session
    const command = { type: 'resume', id: 'r', session_id: id, resume_token: token, positions: { [room]: position } }
    this.#state = 'waiting for an answer'
    this.#member?.say(JSON.stringify(command))
  }

  #onCount(count: number, onComplete: () => void): void {
    const before = this.isComplete
    this.#delivered += count
    this.#tally.delivered += count
    if (this.isComplete && !before) onComplete()
  }

  #onText(text: string): void {
    if (text.startsWith('{"type":"ack"')) this.#state = 'waiting for messages'
    else if (text.startsWith('{"type":"error"')) this.#onRefusal(JSON.parse(text))
  }

  #onRefusal({ code, retry_after_ms: retryMs }: Refusal): void {
    this.#tally.refused++
    this.#state = code
    if (retryMs === undefined) return
    setTimeout(() => {
      this.#tally.retried++
      this.#resume()
    }, retryMs)
  }

  #onClose(): void {
    // One that is not let in closes as well, and comes again.
    if (this.#member !== undefined) this.#state = 'closed'
  }
}

/** Who has not come back, and where they stand; undefined where all are complete. */
export function absenceOf(comebacks: readonly Comeback[]): string | undefined {
  const counts = new Map<string, number>()
  for (const { state } of comebacks) counts.set(state, (counts.get(state) ?? 0) + 1)
  counts.delete('complete')
  if (counts.size === 0) return undefined
  return `not back: ${[...counts].map(([state, count]) => `${count} ${state}`).join(', ')}`
}
