import { build, type Histogram } from 'hdr-histogram-js'

const LATENCY_MAX_US = 3_600_000_000

/** Counts what was sent and heard by all clients. Times are monotonic, in milliseconds. */
export class Tally {
  readonly expected: number
  /** Resolves when everything was heard by everybody. */
  readonly complete: Promise<void>
  delivered = 0
  readonly #onDelivered: (delivered: number) => void
  readonly #latencies: Histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: LATENCY_MAX_US })
  readonly #sentAt = new Map<string, number>()
  readonly #heardBy: ReadonlyArray<Set<string>>
  #firstAt = 0
  #lastAt = 0
  #complete = () => {}

  constructor(clients: number, messages: number, onDelivered: (delivered: number) => void) {
    this.expected = clients * clients * messages
    this.#onDelivered = onDelivered
    this.#heardBy = Array.from({ length: clients }, () => new Set())
    this.complete = new Promise((resolve) => {
      this.#complete = resolve
    })
  }

  get sent(): number {
    return this.#sentAt.size
  }

  /** From the first message that was sent to the last one that was heard. */
  get seconds(): number {
    return Math.max(0, this.#lastAt - this.#firstAt) / 1000
  }

  /** A message goes out, perhaps once more. */
  onSent(messageId: string): void {
    const now = performance.now()
    if (this.sent === 0) this.#firstAt = now
    if (!this.#sentAt.has(messageId)) this.#sentAt.set(messageId, now)
  }

  /** A client heard a message; one that is not of this run, or repeated, does not count. */
  onHeard(client: number, messageId: string): void {
    const sentAt = this.#sentAt.get(messageId)
    const heard = this.#heardBy[client]
    if (sentAt === undefined || heard === undefined || heard.has(messageId)) return
    heard.add(messageId)
    this.#lastAt = performance.now()
    this.#latencies.recordValue(Math.max(1, Math.round((this.#lastAt - sentAt) * 1000)))
    this.#onDelivered(++this.delivered)
    if (this.delivered === this.expected) this.#complete()
  }

  /** From sending to hearing, over all clients, in milliseconds. */
  latency(percentile: number): number {
    return this.#latencies.getValueAtPercentile(percentile) / 1000
  }
}
