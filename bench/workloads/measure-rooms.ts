import type { Contestant, Running, StartOptions } from '../contestants/contestant.js'
import type { RoomsJob, RoomsReport, WatchReport } from '../load/jobs.js'
import { runLoad } from '../processes/load.js'
import { Watchers } from '../processes/watchers.js'
import { watchVitals } from './watch-vitals.js'
import type { Measurement, WorkloadContext } from './workload.js'

const TIMEOUT_MS = 90_000
/** Members whose latency is looked at where the rate is what counts. */
const SAMPLED = 10
/** What one process of the load is given before there is a second. */
const HELD_MIN = 500

export type Rooms = Pick<RoomsJob, 'rooms' | 'members' | 'senders' | 'pace'> &
  Partial<Pick<RoomsJob, 'sampled' | 'publisherPort' | 'sleepless'>>

/** Starts the contestant and lets messages flow in its rooms. The value is deliveries a second. */
export async function measureRooms(
  context: WorkloadContext,
  contestant: Contestant,
  rooms: Rooms,
  options: Partial<StartOptions> = {}
): Promise<Measurement> {
  const running = await contestant.start(context.scope, { cores: context.cores, ...options })
  return await measureRunning(context, contestant, running, rooms)
}

/** The same for a server that runs already. */
export async function measureRunning(
  context: WorkloadContext,
  contestant: Contestant,
  running: Running,
  rooms: Rooms
): Promise<Measurement> {
  const { cores, warmUpMs, measureMs, scope } = context
  const vitals = watchVitals(contestant, running)
  const held = heldBy(rooms, cores.loads.length)
  const watchers = await startWatchers(context, contestant, running, { ...rooms, held })
  const report = await runLoad(scope, {
    job: {
      ...{ job: 'rooms', wire: contestant.wire, port: running.port, serverPid: running.child.pid },
      ...{ warmUpMs, measureMs, held, sampled: SAMPLED, sleepless: cores.loads[0] !== undefined },
      ...rooms
    },
    core: cores.loads[0],
    timeoutMs: TIMEOUT_MS,
    onPhase: (phase) => {
      vitals.onPhase(phase)
      watchers.go()
    }
  })
  watchers.go()
  return joinReports(report, await watchers.reports(), await vitals.read(measureMs))
}

/** Members that the process which publishes holds itself: all, unless there are more processes and it is about the rate. */
export function heldBy({ rooms, members, senders, sampled = 0 }: Rooms, processes: number): number {
  const all = rooms * members
  const isDivided = rooms === 1 && senders === 'one' && sampled < members && all / processes >= HELD_MIN
  return isDivided && processes > 1 ? Math.ceil(all / processes) : all
}

async function startWatchers(
  { scope, cores }: WorkloadContext,
  { wire }: Contestant,
  { port }: Running,
  { rooms, members, held }: Rooms & { held: number }
): Promise<Watchers> {
  const watchers = new Watchers()
  const others = held < rooms * members ? cores.loads.slice(1) : []
  const jobs = others.map((core, index) => {
    const [from, to] = [held * (index + 1), Math.min(held * (index + 2), rooms * members)]
    return { core, job: { job: 'watch', wire, port, members, from, to } as const }
  })
  await watchers.start(scope, jobs, TIMEOUT_MS)
  return watchers
}

/** The busiest process of the load speaks for all of them. */
function joinReports(
  { deliveriesPerSecond, messagesPerSecond, wireBytes, sent, shares, ...report }: RoomsReport,
  others: readonly WatchReport[],
  vitals: Readonly<Record<string, number>>
): Measurement {
  const sum = (of: (other: WatchReport) => number) => others.reduce((total, other) => total + of(other), 0)
  return {
    ...report,
    value: deliveriesPerSecond + sum((other) => other.deliveriesPerSecond),
    delivered: report.delivered + sum((other) => other.delivered),
    expected: report.expected + sum((other) => other.connected * sent),
    connected: report.connected + sum((other) => other.connected),
    shares: { ...shares, client: Math.max(shares.client, ...others.map(({ share }) => share)) },
    more: { messagesPerSecond, wireBytes, ...vitals }
  }
}
