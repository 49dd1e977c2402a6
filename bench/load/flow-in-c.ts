import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { compiled, compilerVersion } from '../processes/c-program.js'
import { membersHeld, type Publishers } from './flow.js'
import { encodeText } from './frames.js'
import { createHistogram, encodeHistogram, recordTimes } from './histogram.js'
import type { FlowReport, RoomsJob } from './jobs.js'
import type { Member } from './member.js'
import { startShares } from './processor-time.js'
import { stampIndex } from './stamp.js'
import { type Wire, wires } from './wires.js'

/** What the program tells at its end. */
interface Told extends Omit<FlowReport, 'shares' | 'latencies'> {
  /** Share of its core. */
  readonly busy: number
  /** Microseconds, and how often. */
  readonly latencies: ReadonlyArray<readonly [number, number]>
}

/** Whether the flow can be left to the program in C. */
export function canFlowInC(): boolean {
  return compilerVersion() !== undefined
}

/**
 * As `Flow.run`, by a program that is handed the connections and goes on with them where they are. Rejects where it
 * fails.
 */
export async function flowInC(
  job: RoomsJob,
  members: readonly Member[],
  publishers: readonly Publishers[],
  onPhase: (phase: string) => void
): Promise<FlowReport> {
  const beside = job.senders === 'one' ? publishers.slice(0, 1).flatMap((of) => of.members) : []
  const sockets = [...members, ...beside].map((member) => member.handOver())
  const child = spawn(compiled('bench/load/flow.c'), { stdio: ['pipe', 'pipe', 'inherit', ...sockets] })
  await once(child, 'spawn')
  const stdin = child.stdin as Writable
  // Where it ended early, that shows in what it does not tell.
  stdin.on('error', () => {})
  stdin.end(taskOf(job, publishers))
  return await listen(job, child, onPhase)
}

async function listen({ serverPid }: RoomsJob, child: ChildProcess, onPhase: (phase: string) => void) {
  const lines = createInterface(child.stdout as Readable)[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error('the flow in C ended early')
    return value
  }
  onPhase(await next())
  const sharesUntilNow = await startShares(serverPid)
  onPhase(await next())
  const shares = await sharesUntilNow()
  const { latencies, busy, ...told }: Told = JSON.parse(await next())
  const histogram = createHistogram()
  for (const [us, times] of latencies) recordTimes(histogram, us, times)
  return { ...told, shares: { ...shares, client: busy }, latencies: encodeHistogram(histogram) }
}

function taskOf(job: RoomsJob, publishers: readonly Publishers[]): string {
  const { rooms, held, senders, pace, sampled, warmUpMs, measureMs, sleepless } = job
  const wire: Wire = wires[job.wire]
  const [inFlight, perSecond] = 'inFlight' in pace ? [pace.inFlight, 0] : [0, pace.perSecond]
  const [isOne, ofRoom] = senders === 'one' ? [1, 1] : [0, job.members]
  const numbers = [rooms, membersHeld(job), held, ofRoom, isOne, inFlight, perSecond]
  const more = [
    wire.mark.index,
    wire.mark.byte,
    wire.lines ? 1 : 0,
    sampled,
    warmUpMs * 1000,
    measureMs * 1000,
    sleepless ? 1 : 0
  ]
  const frames = publishers.flatMap((of) => of.frames)
  const lines = frames.map((frame) => `${stampIndex(frame)} ${frame.toString('hex')}`)
  return [[...numbers, ...more].join(' '), pingsOf(wire), ...lines, ''].join('\n')
}

/** The ping of the application in hexadecimal, and its answer as a frame. */
function pingsOf({ ping }: Wire): string {
  if (ping === undefined) return '- -'
  return `${Buffer.from(ping.text).toString('hex')} ${encodeText(ping.answer).toString('hex')}`
}
