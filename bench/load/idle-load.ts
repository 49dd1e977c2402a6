import { DeflateMember } from './deflate-member.js'
import { inTurn } from './in-turn.js'
import type { IdleJob, IdleReport } from './jobs.js'
import { Member } from './member.js'
import { wires } from './wires.js'

const CONNECTING_AT_ONCE = 64

/** Connects in stages, and holds each until the parent lets it go on. */
export async function loadIdle(
  job: IdleJob,
  onPhase: (phase: string) => void,
  go: () => Promise<void>
): Promise<IdleReport> {
  let [connected, lost] = [0, 0]
  const join = async (index: number) => {
    const seat = { room: `r${index % job.rooms}`, user: `u${index}` }
    const options = { port: job.port, seat, onClose: () => lost++ }
    if (job.deflates) await DeflateMember.join({ ...options, deflates: true })
    else await Member.join({ ...options, wire: wires[job.wire] })
  }
  for (const stage of job.stages) {
    const from = connected
    await inTurn(stage - from, CONNECTING_AT_ONCE, (index) => join(from + index))
    connected = stage
    onPhase(`${stage} connected`)
    await go()
  }
  return { connected, lost }
}
