import { delay } from './delay.js'
import { Flow, membersHeld, type Publishers } from './flow.js'
import { canFlowInC, flowInC } from './flow-in-c.js'
import { inTurn } from './in-turn.js'
import type { RoomsJob, RoomsReport } from './jobs.js'
import { Member } from './member.js'
import { roomName, seatOf } from './seats.js'
import { measurePadding, messageFrame } from './wire-size.js'
import { wires } from './wires.js'

const CONNECTING_AT_ONCE = 64
/** What is told of joins, at most once a second, is over by then. */
const SETTLE_MS = 300

/** Fills the rooms, lets the messages flow, and measures a part of that. */
export async function loadRooms(job: RoomsJob, onPhase: (phase: string) => void): Promise<RoomsReport> {
  const flow = new Flow(job)
  const { padding, wireBytes } = await measurePadding(job.port, wires[job.wire])
  const members = await inTurn(job.held, CONNECTING_AT_ONCE, (index) => joinOne(job, index, flow))
  const publishers = job.senders === 'one' ? await onePublisher(job, padding) : everyMember(job, members, padding)
  await delay(SETTLE_MS)
  const report = canFlowInC() ? await flowInC(job, members, publishers, onPhase) : await flow.run(publishers, onPhase)
  return { ...report, expected: report.sent * membersHeld(job), connected: members.length, wireBytes }
}

async function joinOne({ port, wire, members, sampled }: RoomsJob, index: number, flow: Flow): Promise<Member> {
  const [room, place] = [Math.floor(index / members), index % members]
  return await Member.join({
    ...{ port, wire: wires[wire], seat: seatOf(index, members) },
    onCount: (count) => flow.onCount(room, place, count),
    onMessage: index < sampled ? (payload) => flow.onMessage(payload) : undefined
  })
}

/** One who is in no room. */
async function onePublisher({ port, publisherPort, wire, rooms }: RoomsJob, padding: number): Promise<Publishers[]> {
  const publisher = await Member.join({ port: publisherPort ?? port, wire: wires[wire] })
  return Array.from({ length: rooms }, (_, room) => ({
    members: [publisher],
    frames: [messageFrame(wires[wire], { room: roomName(room), user: 'p' }, padding)]
  }))
}

function everyMember({ wire, rooms, members }: RoomsJob, joined: readonly Member[], padding: number): Publishers[] {
  return Array.from({ length: rooms }, (_, room) => {
    const own = joined.slice(room * members, (room + 1) * members)
    const seats = own.map((_, place) => seatOf(room * members + place, members))
    return { members: own, frames: seats.map((seat) => messageFrame(wires[wire], seat, padding)) }
  })
}
