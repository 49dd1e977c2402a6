import type { Contestant, Running, StartOptions } from '../contestants/contestant.js'
import type { RoomsJob } from '../load/jobs.js'
import { runLoad } from '../processes/load.js'
import { readVitals, resetVitals, type Vitals } from '../processes/vitals.js'
import type { Measurement, WorkloadContext } from './workload.js'

const TIMEOUT_MS = 90_000
/** Members whose latency is looked at where the rate is what counts. */
const SAMPLED = 10

export type Rooms = Pick<RoomsJob, 'rooms' | 'members' | 'senders' | 'pace'> &
  Partial<Pick<RoomsJob, 'sampled' | 'warmUpMs' | 'measureMs' | 'publisherPort'>>

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
  const report = await runLoad(scope, {
    job: {
      ...{ job: 'rooms', wire: contestant.wire, port: running.port, serverPid: running.child.pid },
      ...{ warmUpMs, measureMs, sampled: SAMPLED },
      ...rooms
    },
    core: cores.load,
    timeoutMs: TIMEOUT_MS,
    onPhase: vitals.onPhase
  })
  const { deliveriesPerSecond, messagesPerSecond, wireBytes, ...rest } = report
  return {
    value: deliveriesPerSecond,
    more: { messagesPerSecond, wireBytes, ...(await vitals.read(measureMs)) },
    ...rest
  }
}

/** What is seen in the server while it is measured; nothing where it does not tell. */
function watchVitals(contestant: Contestant, { child }: Running) {
  let vitals: Promise<Vitals> | undefined
  return {
    onPhase: (phase: string) => {
      if (contestant.tellsVitals && phase === 'measuring') resetVitals(child)
      if (contestant.tellsVitals && phase === 'measured') vitals = readVitals(child)
    },
    read: async (measureMs: number): Promise<Record<string, number>> => {
      const read = await vitals
      if (read === undefined) return {}
      return { gcPercent: (read.gcMs / measureMs) * 100, loopDelayP99Ms: read.loopDelayP99Ms }
    }
  }
}
