import type { Message } from '../../support/live-client.js'
import { Latencies } from '../support/latencies.js'

/** What one client heard of one room. */
interface Ear {
  last: number
  /** Messages that came since the client is back are live. Monotonic, in milliseconds. */
  backAt: number
}

const expected: ReadonlySet<string> = new Set(['full', 'connect failed', 'session_not_found'])

/** Everything that all clients heard: each room's order, and what is wrong with it. */
export class Tally {
  readonly live = new Latencies()
  /** From the publish to the delivery, for what came while the client was away. */
  readonly late = new Latencies()
  readonly outcomes = new Map<string, number>()
  readonly violations: string[] = []
  readonly #ears = new Map<string, Ear>()
  /** The id at each offset of each room, as whoever heard it first did. */
  readonly #orders = new Map<string, Map<number, string>>()
  delivered = 0
  /** Heard again: the filter by epoch and offset takes them away. */
  repeated = 0
  drops = 0

  /** What must not happen to anybody while everything is retained and each comes back in time. */
  get surprises(): string[] {
    return [...this.outcomes.keys()].filter((outcome) => !expected.has(outcome))
  }

  count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
  }

  /** A client is away: what is sent from now on comes late. */
  gone(client: string, rooms: readonly string[]): void {
    this.drops++
    for (const room of rooms) this.#earOf(client, room).backAt = Number.POSITIVE_INFINITY
  }

  /** A client is in its rooms, for the first time or again. */
  back(client: string, rooms: readonly string[]): void {
    for (const room of rooms) this.#earOf(client, room).backAt = performance.now()
  }

  hear(client: string, { room, offset, message_id, content }: Message): void {
    this.#checkOrder(room, offset, message_id)
    const ear = this.#earOf(client, room)
    if (offset <= ear.last) {
      this.repeated++
      return
    }
    if (offset > ear.last + 1) this.violations.push(`${client} heard ${offset} of ${room} after ${ear.last}`)
    ear.last = offset
    this.delivered++
    const latencies = content.sentAt >= ear.backAt ? this.live : this.late
    latencies.add(performance.now() - content.sentAt)
  }

  /** True where a client has heard a room up to its top. */
  isComplete(client: string, room: string, top: number): boolean {
    return this.#earOf(client, room).last >= top
  }

  /** What was acknowledged stands where the acknowledgement said. */
  checkAcknowledged(room: string, offset: number, messageId: string): void {
    const heard = this.#orders.get(room)?.get(offset)
    if (heard !== messageId) this.violations.push(`${messageId} of ${room} was acknowledged at ${offset}, not ${heard}`)
  }

  #checkOrder(room: string, offset: number, messageId: string): void {
    const order = this.#orders.get(room) ?? new Map<number, string>()
    this.#orders.set(room, order)
    const known = order.get(offset)
    if (known === undefined) order.set(offset, messageId)
    else if (known !== messageId) this.violations.push(`${room} has ${known} and ${messageId} at ${offset}`)
  }

  #earOf(client: string, room: string): Ear {
    const key = `${client} ${room}`
    const ear = this.#ears.get(key) ?? { last: 0, backAt: Number.POSITIVE_INFINITY }
    this.#ears.set(key, ear)
    return ear
  }
}
