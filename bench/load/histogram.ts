import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js'

const HIGHEST_US = 60_000_000

/** Of microseconds, up to a minute, to three digits. */
export function createHistogram(): Histogram {
  return build({ highestTrackableValue: HIGHEST_US, numberOfSignificantValueDigits: 3, bitBucketSize: 32 })
}

/** Takes what lies outside of its range as its ends. */
export function record(histogram: Histogram, us: number): void {
  histogram.recordValue(Math.min(HIGHEST_US, Math.max(1, Math.round(us))))
}

/** Takes a value that was seen so many times. */
export function recordTimes(histogram: Histogram, us: number, times: number): void {
  histogram.recordValueWithCount(Math.min(HIGHEST_US, Math.max(1, us)), times)
}

export function encodeHistogram(histogram: Histogram): string {
  return encodeIntoCompressedBase64(histogram)
}

/** One out of many. Throws on what is no histogram. */
export function mergeHistograms(encoded: readonly string[]): Histogram {
  const merged = createHistogram()
  for (const text of encoded) merged.add(decodeFromCompressedBase64(text))
  return merged
}

export function percentileMs(histogram: Histogram, percent: number): number {
  return histogram.totalCount === 0 ? Number.NaN : histogram.getValueAtPercentile(percent) / 1000
}
