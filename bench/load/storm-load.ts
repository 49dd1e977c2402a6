import { setImmediate as nextTurn } from 'node:timers/promises'
import { CalmRoom } from './calm-room.js'
import { inTurn } from './in-turn.js'
import type { StormJob, StormReport } from './jobs.js'
import { Member } from './member.js'
import { startShares } from './processor-time.js'
import { wires } from './wires.js'

const CONNECTING_AT_ONCE = 64
/** Connections that are begun in one turn of this process: those who are there are heard in between. */
const SLICE = 100
const COME_BACK_TIMEOUT_MS = 60_000
const wire = wires.roomcast
/** As if nobody had been here: the client itself says what it wants. */
const resuming = { ...wire, opening: () => ({ steps: [] }) }

/** What a client keeps over the cut. */
interface Session {
  readonly id: string
  readonly token: string
  readonly room: string
  readonly position: unknown
}

/** Everybody joins, is cut at once, misses messages and comes back; measures the coming back. */
export async function loadStorm(
  job: StormJob,
  onPhase: (phase: string) => void,
  go: () => Promise<void>
): Promise<StormReport> {
  const before = await inTurn(job.clients, CONNECTING_AT_ONCE, (index) => joinOne(job, index))
  const calm = await CalmRoom.open(job.port)
  onPhase('joined')
  await go()
  for (const { member } of before) member.reset()
  await publishMissed(job)
  onPhase('measuring')
  await go()
  calm.begin()
  const [begun, shares] = [performance.now(), await startShares(job.serverPid)]
  const delivered = await comeBack(
    job,
    before.map(({ session }) => session)
  )
  const seconds = (performance.now() - begun) / 1000
  const used = await shares()
  const calmP99Ms = calm.end()
  onPhase('measured')
  await go()
  const expected = job.clients * job.missed
  return { seconds, delivered, expected, connected: before.length, shares: used, calmP99Ms }
}

async function joinOne({ port, rooms }: StormJob, index: number): Promise<{ member: Member; session: Session }> {
  const seat = { room: `r${index % rooms}`, user: `u${index}` }
  const heard: string[] = []
  const member = await Member.join({ port, wire, seat, onText: (text) => heard.push(text) })
  return { member, session: sessionOf(seat.room, heard) }
}

function sessionOf(room: string, texts: readonly string[]): Session {
  const heard = texts.map((text) => JSON.parse(text))
  const { session_id: id, resume_token: token } = heard.find(({ action }) => action === 'connected')
  const { epoch, offset } = heard.find(({ type }) => type === 'ack')
  return { id, token, room, position: { epoch, offset } }
}

async function publishMissed({ port, rooms, missed }: StormJob): Promise<void> {
  for (let number = 0; number < missed; number++) {
    const items = Array.from({ length: rooms }, (_, room) => ({ room: `r${room}`, user_id: 'p', content: number }))
    const response = await fetch(`http://127.0.0.1:${port}/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ items })
    })
    if (!response.ok) throw new Error(`publishing: ${response.status}`)
  }
}

/** All at once, as far as the listening queue takes them. Gives what was delivered. */
async function comeBack({ port, clients, missed }: StormJob, sessions: readonly Session[]): Promise<number> {
  let delivered = 0
  await new Promise<void>((resolve) => {
    setTimeout(resolve, COME_BACK_TIMEOUT_MS).unref()
    const onCount = (count: number) => {
      delivered += count
      if (delivered === clients * missed) resolve()
    }
    void resumeAll(port, sessions, onCount)
  })
  return delivered
}

async function resumeAll(port: number, sessions: readonly Session[], onCount: (count: number) => void): Promise<void> {
  for (const [index, session] of sessions.entries()) {
    if (index % SLICE === 0) await nextTurn()
    void resume(port, session, onCount)
  }
}

async function resume(port: number, { id, token, room, position }: Session, onCount: (count: number) => void) {
  const member = await Member.join({ port, wire: resuming, onCount })
  const command = { type: 'resume', id: 'r', session_id: id, resume_token: token, positions: { [room]: position } }
  member.say(JSON.stringify(command))
}
