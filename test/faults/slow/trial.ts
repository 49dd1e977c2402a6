import { setTimeout as sleep } from 'node:timers/promises'
import { DriverScope, type Scope } from '../../support/scope.js'
import { until } from '../../support/until.js'
import { rssOf } from '../jitter/nodes.js'
import { Latencies } from '../support/latencies.js'
import { RawClient } from '../support/raw-client.js'
import { FastReader, ROOM, SlowReader } from './readers.js'

export interface SlowTrialOptions {
  readonly url: string
  readonly fastReaders: number
  /** Bytes published while the slow one does not read; half as many before and after, without it. */
  readonly bytes: number
  readonly messageBytes: number
  /** Bytes a second that are published; 0 for as fast as they are acknowledged. */
  readonly pace: number
  /** How often it is done. */
  readonly turns: number
  /** Messages that the room keeps. */
  readonly retained: number
}

export interface SlowTrialOutcome {
  readonly withSlow: Latencies
  readonly withoutSlow: Latencies
  /** For each turn, in bytes: the highest seen less what it was before. */
  readonly rssGrowths: readonly number[]
  /** Messages that the slow one was sent when it was let go, and before it was full. */
  readonly slowHeard: number
  readonly slowMissed: number
  readonly violations: readonly string[]
}

const IN_FLIGHT = 8

/** Fast readers alone, then with one that does not read, then alone again. */
export async function runSlowTrial(scope: Scope, options: SlowTrialOptions): Promise<SlowTrialOutcome> {
  const [withSlow, withoutSlow, warmingUp] = [new Latencies(), new Latencies(), new Latencies()]
  const names = Array.from({ length: options.fastReaders }, (_, index) => `fast${index}`)
  const fast = await Promise.all(names.map((name) => FastReader.join(scope, options.url, name, warmingUp)))
  const source = new Source(await RawClient.connect(scope, `${options.url.replace('http', 'ws')}/ws?user_id=source`))
  const trial: Trial = { options, fast, source }
  // What a server needs at all, and a full retention, come before anything is measured.
  await publish(trial, Math.max(options.bytes / 2, options.retained * options.messageBytes), warmingUp)

  const turns: SlowTurn[] = []
  for (let turn = 0; turn < options.turns; turn++) {
    await publish(trial, options.bytes / 2, withoutSlow)
    turns.push(await withSlowReader(trial, withSlow))
    await publish(trial, options.bytes / 2, withoutSlow)
  }
  return {
    withSlow,
    withoutSlow,
    rssGrowths: turns.map(({ rssGrowth }) => rssGrowth),
    slowHeard: turns.reduce((sum, { heard }) => sum + heard, 0),
    slowMissed: turns.reduce((sum, { missed }) => sum + missed, 0),
    violations: turns.flatMap(({ violations }) => violations)
  }
}

interface Trial {
  readonly options: SlowTrialOptions
  readonly fast: readonly FastReader[]
  readonly source: Source
}

interface SlowTurn {
  readonly rssGrowth: number
  readonly heard: number
  readonly missed: number
  readonly violations: readonly string[]
}

async function withSlowReader(trial: Trial, latencies: Latencies): Promise<SlowTurn> {
  const { options, source } = trial
  const scope = new DriverScope()
  const from = source.top
  const slow = await SlowReader.join(scope, options.url, from)
  slow.pause()
  const before = await rssOf(options)
  const highest = await publish(trial, options.bytes, latencies)
  slow.resume()
  await until(() => slow.next > source.top || !slow.open, Boolean, 60_000).catch(() => {})
  const violations = judgeSlow(slow, { from, top: source.top, retained: options.retained })
  if (slow.open) await slow.leave()
  await scope.end()
  const missed = source.top - from - slow.messages.length
  return { rssGrowth: highest - before, heard: slow.messages.length, missed, violations }
}

/** Everything is there or told, in order; and what the room still has is there. */
function judgeSlow(slow: SlowReader, { from, top, retained }: { from: number; top: number; retained: number }) {
  const oldest = Math.max(from, top - retained) + 1
  const heard = new Set(slow.messages)
  const missing = Array.from({ length: top - oldest + 1 }, (_, index) => oldest + index).filter((n) => !heard.has(n))
  return [
    ...slow.disorder,
    ...(slow.next === top + 1 ? [] : [`the slow one came to ${slow.next - 1} of ${top}`]),
    ...(missing.length === 0 ? [] : [`the slow one misses ${missing.length} retained messages, from ${missing[0]} on`])
  ]
}

/** Sends so many bytes, waits until all fast ones have them, and gives the highest memory seen meanwhile. */
async function publish({ options, fast, source }: Trial, bytes: number, latencies: Latencies): Promise<number> {
  for (const reader of fast) reader.latencies = latencies
  let highest = 0
  const count = Math.ceil(bytes / options.messageBytes)
  const look = async () => {
    highest = Math.max(highest, await rssOf(options))
  }
  await source.send(count, options, look)
  await until(() => fast.every(({ last, open }) => last >= source.top || !open), Boolean, 60_000)
  if (fast.some(({ open }) => !open)) throw new Error('a fast reader was closed')
  await look()
  return highest
}

/** Who publishes, several at a time. */
class Source {
  readonly #client: RawClient
  top = 0

  constructor(client: RawClient) {
    this.#client = client
  }

  async send(count: number, { messageBytes, pace }: SlowTrialOptions, onTenth: () => Promise<void>): Promise<void> {
    const filling = 'x'.repeat(messageBytes)
    const begun = performance.now()
    let sent = 0
    const lane = async () => {
      while (sent < count) {
        const due = pace === 0 ? 0 : begun + (sent * messageBytes * 1000) / pace
        sent++
        if (sent % Math.ceil(count / 10) === 0) await onTenth()
        if (due > performance.now()) await sleep(due - performance.now())
        await this.#send(filling)
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  }

  async #send(filling: string): Promise<void> {
    const content = { sent_at: performance.now(), filling }
    const answer = await this.#client.ask({ type: 'chat_message', room: ROOM, content })
    if (answer?.type !== 'ack') throw new Error(`a publish was answered ${JSON.stringify(answer)}`)
    this.top = Math.max(this.top, answer.offset)
  }
}
