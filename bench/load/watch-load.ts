import { inTurn } from './in-turn.js'
import type { WatchJob, WatchReport } from './jobs.js'
import { Member } from './member.js'
import { seatOf } from './seats.js'
import { wires } from './wires.js'

const CONNECTING_AT_ONCE = 64

/** Members that only listen, so that another process has fewer of them. The parent tells when the measuring is on. */
export async function loadWatch(
  { wire, port, members, from, to }: WatchJob,
  onPhase: (phase: string) => void,
  go: () => Promise<void>
): Promise<WatchReport> {
  let delivered = 0
  const onCount = (count: number) => {
    delivered += count
  }
  await inTurn(to - from, CONNECTING_AT_ONCE, (index) =>
    Member.join({ port, wire: wires[wire], seat: seatOf(from + index, members), onCount })
  )
  onPhase('joined')
  await go()
  onPhase('measuring')
  const [begun, before, cpu] = [performance.now(), delivered, process.cpuUsage()]
  await go()
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const deliveriesPerSecond = (delivered - before) / seconds
  onPhase('measured')
  await go()
  return { deliveriesPerSecond, delivered, connected: to - from, share: (user + system) / 1e6 / seconds }
}
