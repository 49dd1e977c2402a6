import { setImmediate as nextTurn } from 'node:timers/promises'
import { CalmRoom } from './calm-room.js'
import { delay } from './delay.js'
import type { CrowdJob, CrowdReport } from './jobs.js'
import { Member } from './member.js'
import { startShares } from './processor-time.js'
import { wires } from './wires.js'

/** Connections that are begun in one turn of this process: those who are there are heard in between. */
const SLICE = 100
const LOOK_MS = 100
const GONE_TIMEOUT_MS = 60_000
const wire = wires.roomcast

/** Everybody joins at once; then everybody is cut at once, and does not come back. */
export async function loadCrowd(
  job: CrowdJob,
  onPhase: (phase: string) => void,
  go: () => Promise<void>
): Promise<CrowdReport> {
  const calm = await CalmRoom.open(job.port)
  const before = await countsOf(job.port)
  const watched = async <T>(phase: string, work: () => Promise<T>) => {
    onPhase(phase)
    await go()
    calm.begin()
    const begun = performance.now()
    const result = await work()
    const seen = { seconds: (performance.now() - begun) / 1000, calmP99Ms: calm.end(), result }
    onPhase(`${phase} over`)
    await go()
    return seen
  }
  const shares = await startShares(job.serverPid)
  const joining = await watched('joining', () => joinAll(job))
  const members = joining.result.filter((member) => member !== undefined)
  const used = await shares()
  const leaving = await watched('leaving', async () => {
    for (const member of members) member.reset()
    return await gone(job.port, before)
  })
  return {
    ...{ connected: members.length, shares: used, isEmptied: leaving.result },
    joining: { seconds: joining.seconds, calmP99Ms: joining.calmP99Ms },
    leaving: { seconds: leaving.seconds, calmP99Ms: leaving.calmP99Ms }
  }
}

/** Undefined for those who were not let in. */
async function joinAll({ port, rooms, clients }: CrowdJob): Promise<Array<Member | undefined>> {
  const joins: Array<Promise<Member | undefined>> = []
  for (let index = 0; index < clients; index++) {
    if (index % SLICE === 0) await nextTurn()
    const seat = { room: `r${index % rooms}`, user: `u${index}` }
    joins.push(Member.join({ port, wire, seat }).catch(() => undefined))
  }
  return await Promise.all(joins)
}

interface Counts {
  readonly connections: number
  readonly users: number
  readonly rooms: number
}

async function countsOf(port: number): Promise<Counts> {
  const response = await fetch(`http://127.0.0.1:${port}/online`)
  return (await response.json()) as Counts
}

/** Resolves when the server counts no more than before: true, or false where that takes too long. */
async function gone(port: number, before: Counts): Promise<boolean> {
  for (const begun = performance.now(); performance.now() - begun < GONE_TIMEOUT_MS; await delay(LOOK_MS)) {
    const { connections, users, rooms } = await countsOf(port)
    if (connections <= before.connections && users <= before.users && rooms <= before.rooms) return true
  }
  return false
}
