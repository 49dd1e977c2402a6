import t from 'tap'
import { createHistogram, encodeHistogram, record } from '../../bench/load/histogram.js'
import { summarize } from '../../bench/report/summary.js'
import { verdictOf } from '../../bench/report/verdict.js'

const rate = { unit: 'deliveries/s' } as const
const run = (value: number) => ({ value, delivered: 10, expected: 10, connected: 1 })

function latencies(...milliseconds: number[]): string {
  const histogram = createHistogram()
  for (const ms of milliseconds) record(histogram, ms * 1000)
  return encodeHistogram(histogram)
}

t.test('a run that proves nothing does not count', async (t) => {
  const full = { client: 1, server: 0.6 }
  t.match(verdictOf({ ...run(1), shares: full }), 'the load was at 100 % of its core, the server at 60 %')
  t.match(verdictOf({ ...run(1), shares: { client: 1, server: Number.NaN } }), 'an unknown share')
  t.match(verdictOf({ ...run(1), delivered: 11 }), '1 delivered too many')
  t.match(verdictOf({ ...run(1), surplus: 2 }), '2 delivered too many')
  t.match(verdictOf({ ...run(1), delivered: 9 }), '1 of 10 not delivered')
  t.match(verdictOf({ ...run(1), connected: 0 }), 'nobody connected')
  t.match(verdictOf({ ...run(1), complaint: 'refused' }), 'refused')
  t.equal(verdictOf({ ...run(1), shares: { client: 1, server: 0.99 } }), undefined)
  t.equal(verdictOf({ ...run(1), shares: { client: 0.5, server: 0.5 } }), undefined)
})

t.test('the value is the median of the runs that count', async (t) => {
  t.match(summarize(rate, [run(90), run(100), run(110)]), { value: 100, worst: 90, spread: 0.2, counts: true })
  const one = summarize(rate, [run(90), { ...run(900), delivered: 11 }])
  t.match(one, { value: 90, counts: true, objections: ['1 delivered too many'] })
  t.equal(summarize(rate, []), undefined)
})

t.test('a rate that differs by over 30 % between two runs does not count, a small time does', async (t) => {
  t.match(summarize(rate, [run(80), run(100), run(120)]), { counts: false, objections: ['spread 40 %'] })
  t.match(summarize({ unit: 's' }, [run(0.8), run(1), run(1.2)]), { counts: true, worst: 1.2 })
  t.match(summarize(rate, [{ ...run(1), complaint: 'refused' }]), { counts: false, value: 1 })
})

t.test('percentiles are of one merged histogram', async (t) => {
  const runs = [latencies(...new Array(99).fill(1)), latencies(...new Array(9).fill(1), 50, 50)]
  const measurements = runs.map((encoded) => ({ ...run(Number.NaN), latencies: encoded }))
  const summary = summarize({ unit: 'ms', percentile: 99 }, measurements)
  t.ok(Math.abs((summary?.p50 ?? 0) - 1) < 0.01)
  t.ok(Math.abs((summary?.value ?? 0) - 50) < 0.1, 'not the mean of 1 and 50')
})
