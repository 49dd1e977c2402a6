/** How many messages may be on their way at once, at most. A power of two. */
const WINDOW = 65_536

/**
 * What of a room's messages has come to whom. Every member hears them in one order, so that the n-th that a member hears
 * is the n-th that was sent; a message is done when the last member has it.
 */
export class Room {
  readonly #memberCount: number
  readonly #heard: Float64Array
  /** Members that still lack the message of this number, modulo the window. */
  readonly #lacking: Uint32Array
  sent = 0
  done = 0
  /** Received by members, in all. */
  delivered = 0
  /** Received though never sent: to be 0. */
  surplus = 0

  constructor(memberCount: number) {
    this.#memberCount = memberCount
    this.#heard = new Float64Array(memberCount)
    this.#lacking = new Uint32Array(WINDOW)
  }

  get isFull(): boolean {
    return this.sent - this.done >= WINDOW
  }

  /** A message goes out. Only where the room is not full. */
  send(): void {
    this.#lacking[this.sent % WINDOW] = this.#memberCount
    this.sent++
  }

  /** A member heard the next `count` messages. Gives how many are done by that. */
  receive(member: number, count: number): number {
    const from = this.#heard[member] ?? 0
    const to = Math.min(from + count, this.sent)
    const before = this.done
    this.delivered += count
    this.surplus += from + count - to
    this.#heard[member] = to
    for (let number = from; number < to; number++) {
      const lacking = (this.#lacking[number % WINDOW] ?? 0) - 1
      this.#lacking[number % WINDOW] = lacking
      if (lacking === 0) this.done++
    }
    return this.done - before
  }
}
