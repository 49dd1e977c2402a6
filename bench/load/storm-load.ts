import { setImmediate as nextTurn } from 'node:timers/promises'
import { CalmRoom } from './calm-room.js'
import { absenceOf, Comeback, type Session, type Tally } from './comeback.js'
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
  const { absence, ...tally } = await comeBack(
    job,
    before.map(({ session }) => session)
  )
  const seconds = (performance.now() - begun) / 1000
  const used = await shares()
  const calmP99Ms = calm.end()
  onPhase('measured')
  await go()
  const expected = job.clients * job.missed
  const missing = absence === undefined ? {} : { absence }
  return { seconds, ...tally, ...missing, expected, connected: before.length, shares: used, calmP99Ms }
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

/** All at once, as far as the listening queue takes them. */
async function comeBack(
  { port, clients, missed }: StormJob,
  sessions: readonly Session[]
): Promise<Tally & { absence: string | undefined }> {
  const tally = { delivered: 0, refused: 0, retried: 0 }
  const comebacks = sessions.map((session) => new Comeback(session, missed, tally))
  let complete = 0
  await new Promise<void>((resolve) => {
    setTimeout(resolve, COME_BACK_TIMEOUT_MS).unref()
    const onComplete = () => {
      if (++complete === clients) resolve()
    }
    void beginAll(port, comebacks, onComplete)
  })
  return { ...tally, absence: absenceOf(comebacks) }
}

async function beginAll(port: number, comebacks: readonly Comeback[], onComplete: () => void): Promise<void> {
  for (const [index, comeback] of comebacks.entries()) {
    if (index % SLICE === 0) await nextTurn()
    void comeback.begin(port, onComplete)
  }
}
