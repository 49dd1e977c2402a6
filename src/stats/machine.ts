import os from 'node:os'
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

export interface MachineLoad {
  /** Percent of the machine's memory in use. */
  readonly memoryUsage: number
  /** Percent of the machine's processors in use since the last look. */
  readonly cpuUsage: number
  readonly processRssBytes: number
  /** Percent of one core that this process used since the last look. */
  readonly processCpuPercent: number
  /** 99th percentile since the last look, in milliseconds. */
  readonly eventLoopDelayMs: number
}

const RESOLUTION_MS = 10

/** Looks at the machine and the process; rates are of the time since the look before, 0 at the first. */
export class Machine {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  #times: CpuTimes | undefined
  #own = process.cpuUsage()
  #lookedAt = performance.now()

  constructor() {
    this.#delay.enable()
  }

  look(): MachineLoad {
    const now = performance.now()
    const own = process.cpuUsage(this.#own)
    const elapsedMs = now - this.#lookedAt
    const times = cpuTimes()
    const before = this.#times
    const delayMs = this.#delay.percentile(99) / 1e6 - RESOLUTION_MS
    this.#times = times
    this.#own = process.cpuUsage()
    this.#lookedAt = now
    this.#delay.reset()
    return {
      memoryUsage: percent(os.totalmem() - availableMemory(), os.totalmem()),
      cpuUsage: before === undefined ? 0 : percent(times.busy - before.busy, times.total - before.total),
      processRssBytes: process.memoryUsage.rss(),
      processCpuPercent: before === undefined ? 0 : percent((own.user + own.system) / 1000, elapsedMs),
      eventLoopDelayMs: Number.isFinite(delayMs) ? Math.max(round(delayMs), 0) : 0
    }
  }

  close(): void {
    this.#delay.disable()
  }
}

interface CpuTimes {
  readonly busy: number
  readonly total: number
}

function cpuTimes(): CpuTimes {
  let busy = 0
  let idle = 0
  for (const { times } of os.cpus()) {
    busy += times.user + times.nice + times.sys + times.irq
    idle += times.idle
  }
  return { busy, total: busy + idle }
}

/** What programs could still get; caches of the system count as free. */
function availableMemory(): number {
  return typeof process.availableMemory === 'function' ? process.availableMemory() : os.freemem()
}

function percent(part: number, whole: number): number {
  return whole > 0 ? round((part / whole) * 100) : 0
}

export function round(value: number): number {
  return Math.round(value * 100) / 100
}
