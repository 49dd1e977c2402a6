import type { Contestant, Running } from '../contestants/contestant.js'
import { runLoad } from '../processes/load.js'
import type { WorkloadContext } from './workload.js'

const TIMEOUT_MS = 150_000
export const MEMBERS_OF_A_ROOM = 100

/** Connects in stages to rooms of a hundred; each stage is held while `onStage` looks. Gives how many were connected. */
export async function holdIdle(
  { scope, cores }: WorkloadContext,
  contestant: Contestant,
  stages: readonly number[],
  onStage: (running: Running) => Promise<void>
): Promise<{ connected: number; complaint?: string }> {
  const running = await contestant.start(scope, { cores })
  const rooms = Math.max(1, (stages.at(-1) ?? 0) / MEMBERS_OF_A_ROOM)
  const { connected, lost } = await runLoad(scope, {
    job: {
      ...{ job: 'idle', wire: contestant.wire, port: running.port, rooms, stages },
      deflates: contestant.deflates === true
    },
    core: cores.loads[0],
    timeoutMs: TIMEOUT_MS,
    onPhase: () => onStage(running)
  })
  return { connected, ...(lost > 0 && { complaint: `${lost} connections were lost` }) }
}
