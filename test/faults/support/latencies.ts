import { build } from 'hdr-histogram-js'

/** How long things took: percentiles to the hundredth of a millisecond, in bounded memory. */
export class Latencies {
  readonly #histogram = build({ highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: 3 })

  get count(): number {
    return this.#histogram.totalCount
  }

  add(ms: number): void {
    this.#histogram.recordValue(Math.max(1, Math.round(ms * 1000)))
  }

  /** In milliseconds; 0 where there is nothing. */
  percentile(percent: number): number {
    return this.count === 0 ? 0 : this.#histogram.getValueAtPercentile(percent) / 1000
  }

  describe(): string {
    return `p50 ${this.percentile(50).toFixed(1)} ms, p99 ${this.percentile(99).toFixed(1)} ms (${this.count})`
  }
}
