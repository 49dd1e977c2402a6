import assert from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertCounted } from './metrics.js'
import { untilReady } from './readiness.js'
import type { Cluster, Rig } from './rig.js'
import type { Seen } from './row.js'
import { ANSWER_MS_MAX, talk } from './talk.js'

export interface Freeze {
  readonly forMs: number
  begin(cluster: Cluster): void
  end(cluster: Cluster): void
}

/** A shorter one may pass unnoticed. */
const NOTICED_MS = 2000
const RECOVERED_MS = 5000
/** What a node may grow while it can do nothing. */
const GROWTH_BYTES_MAX = 60 * 1024 * 1024

/** Two nodes whose Redis does not answer for a while, and then goes on as if nothing had been. */
export async function freeze(rig: Rig, { forMs, begin, end }: Freeze): Promise<Seen> {
  const cluster = await rig.startCluster(2)
  const { urls } = cluster
  const traffic = await rig.startTraffic(talk(urls))
  await traffic.flow(100)
  const rssBefore = await memoryOf(urls)
  const thaw = sleep(forMs)
  begin(cluster)
  const isLong = forMs > 2 * NOTICED_MS
  const noticed = isLong ? await Promise.all(urls.map((url) => untilReady(url, false, NOTICED_MS))) : []
  await thaw
  const growth = isLong ? (await memoryOf(urls)) - rssBefore : 0
  end(cluster)
  const recovered = await Promise.all(urls.map((url) => untilReady(url, true, RECOVERED_MS)))
  await traffic.flow(100)
  await traffic.stop()
  await traffic.untilPresenceIsRight(10_000)
  const { unknown, acknowledged, slowestAnswerMs, comebacks, departures } = await traffic.check()
  assert.deepEqual({ comebacks, departures }, { comebacks: 0, departures: 0 }, 'connections stay, and nobody leaves')
  assert.ok(slowestAnswerMs < ANSWER_MS_MAX, `I9: an answer took ${slowestAnswerMs} ms`)
  assert.ok(growth < GROWTH_BYTES_MAX, `I7: ${growth} bytes more`)
  if (isLong) await assertCounted(urls, 'roomcast_store_outages_total')
  const notReady = isLong ? `not ready after ${Math.round(Math.max(...noticed))} ms; ` : ''
  return {
    seen:
      `${notReady}${unknown} publishes answered \`store_unavailable\`, within ${(slowestAnswerMs / 1000).toFixed(1)} s, ` +
      `tried again under their ids: ${acknowledged} are there, once each`,
    held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I9', 'I14', ...(isLong ? (['I7', 'I12', 'I13'] as const) : [])],
    recoveryMs: Math.max(...recovered)
  }
}

async function memoryOf(urls: readonly string[]): Promise<number> {
  const answers = await Promise.all(urls.map(async (url) => await (await fetch(`${url}/stats`)).json()))
  return Math.max(...answers.map((answer) => (answer as { process_rss_bytes: number }).process_rss_bytes))
}
