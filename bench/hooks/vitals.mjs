// Loaded into a server that is measured (`node --expose-gc --import`), so that its own code knows nothing of that. It
// answers its parent: `reset` begins anew, `read` tells the memory after a forced collection and what was seen since.
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import path from 'node:path'
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'

const RESOLUTION_MS = 10
const NS_PER_MS = 1e6
const GIVING_BACK_MS = 1000

/** Where a profile of what lies between `reset` and `read` goes; absent: none is made. */
const { BENCH_PROFILES } = process.env

let gcMs = 0
let profiler
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) gcMs += duration
}).observe({ entryTypes: ['gc'] })
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()

process.on('message', (message) => {
  if (message === 'reset') reset()
  if (message === 'read') read().then((vitals) => process.send?.({ vitals }))
})
process.on('disconnect', () => process.exit(0))
// The server decides how long it lives.
process.channel?.unref()

function reset() {
  gcMs = 0
  delay.reset()
  if (BENCH_PROFILES !== undefined) startProfile()
}

function startProfile() {
  profiler = new Session()
  profiler.connect()
  profiler.post('Profiler.enable')
  profiler.post('Profiler.start')
}

function writeProfile() {
  profiler?.post('Profiler.stop', (_, { profile }) => {
    const file = path.join(BENCH_PROFILES, `${Date.now()}-${process.pid}.cpuprofile`)
    writeFileSync(file, JSON.stringify(profile))
  })
  profiler?.disconnect()
  profiler = undefined
}

async function read() {
  const [loopDelayP99Ms, loopDelayMaxMs] = [delay.percentile(99), delay.max].map(lateMs)
  const seen = { gcMs, loopDelayP99Ms, loopDelayMaxMs }
  writeProfile()
  globalThis.gc?.()
  globalThis.gc?.()
  // V8 gives pages back in the background.
  await setTimeout(GIVING_BACK_MS)
  return { ...seen, rssBytes: process.memoryUsage.rss() }
}

/** What is beyond the period in which it is looked at. */
function lateMs(delayNs) {
  return Math.max(0, delayNs / NS_PER_MS - RESOLUTION_MS)
}
