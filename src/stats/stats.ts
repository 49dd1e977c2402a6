import type { Clock } from '../clock.js'
import { formatTime } from '../protocol/pushes.js'
import type { Counters } from './counters.js'
import { Machine, round } from './machine.js'
import type { Sample } from './sample.js'

/** What is so at the moment of a look. */
export interface Gauges {
  readonly connectionCount: number
  readonly userCount: number
  readonly roomCount: number
}

export interface StatsOptions {
  readonly nodeId: string
  readonly clock: Clock
  readonly counters: Counters
  readonly gauges: () => Gauges
  readonly intervalMs: number
  readonly samplesMax: number
}

type Rates = Pick<
  Sample,
  | 'messages_per_second'
  | 'deliveries_per_second'
  | 'memory_usage'
  | 'cpu_usage'
  | 'process_rss_bytes'
  | 'process_cpu_percent'
  | 'event_loop_delay_ms'
>

/** Samples of this node, taken at a fixed interval; the newest are kept. */
export class Stats {
  readonly #options: StatsOptions
  readonly #machine = new Machine()
  readonly #startedAt: number
  readonly #stop: () => void
  readonly #samples: Sample[] = []
  #rates: Rates
  #before: { at: number; messages: number; deliveries: number }

  constructor(options: StatsOptions) {
    const { clock, counters, intervalMs } = options
    this.#options = options
    this.#startedAt = clock.monotonic()
    this.#before = { at: this.#startedAt, messages: counters.messages, deliveries: counters.deliveries }
    this.#rates = { ...this.#load(), memory_usage: 0, messages_per_second: 0, deliveries_per_second: 0 }
    this.#stop = clock.every(intervalMs, () => this.#sample())
  }

  now(): Sample {
    const { nodeId, clock, gauges } = this.#options
    const { connectionCount, userCount, roomCount } = gauges()
    return {
      node_id: nodeId,
      uptime_seconds: round((clock.monotonic() - this.#startedAt) / 1000),
      connection_count: connectionCount,
      user_count: userCount,
      room_count: roomCount,
      ...this.#rates,
      timestamp: formatTime(clock.now())
    }
  }

  /** Oldest first. */
  history(): readonly Sample[] {
    return this.#samples
  }

  close(): void {
    this.#stop()
    this.#machine.close()
  }

  #sample(): void {
    const { clock, counters, samplesMax } = this.#options
    const { at, messages, deliveries } = this.#before
    const after = { at: clock.monotonic(), messages: counters.messages, deliveries: counters.deliveries }
    const seconds = Math.max((after.at - at) / 1000, 0.001)
    this.#rates = {
      ...this.#load(),
      messages_per_second: round((after.messages - messages) / seconds),
      deliveries_per_second: round((after.deliveries - deliveries) / seconds)
    }
    this.#before = after
    this.#samples.push(this.now())
    if (this.#samples.length > samplesMax) this.#samples.shift()
  }

  #load(): Omit<Rates, 'messages_per_second' | 'deliveries_per_second'> {
    const load = this.#machine.look()
    return {
      memory_usage: load.memoryUsage,
      cpu_usage: load.cpuUsage,
      process_rss_bytes: load.processRssBytes,
      process_cpu_percent: load.processCpuPercent,
      event_loop_delay_ms: load.eventLoopDelayMs
    }
  }
}
