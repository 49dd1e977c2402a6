import { delay } from './delay.js'
import { createHistogram, encodeHistogram, record } from './histogram.js'
import { inTurn } from './in-turn.js'
import type { RoomsJob, RoomsReport } from './jobs.js'
import { Member } from './member.js'
import { startShares } from './processor-time.js'
import { Room } from './room.js'
import { roomName, seatOf } from './seats.js'
import { Sender } from './sender.js'
import { nowUs, readStamp } from './stamp.js'
import { measurePadding, messageFrame } from './wire-size.js'
import { type Seat, wires } from './wires.js'

const CONNECTING_AT_ONCE = 64
/** What is told of joins, at most once a second, is over by then. */
const SETTLE_MS = 300
const DRAIN_MS = 5000
const DRAIN_LOOK_MS = 20
const TICK_MS = 1

/** Fills the rooms, lets the messages flow, and measures a part of that. */
export async function loadRooms(job: RoomsJob, onPhase: (phase: string) => void): Promise<RoomsReport> {
  const load = new RoomsLoad(job)
  await load.join()
  await delay(SETTLE_MS)
  load.begin()
  await delay(job.warmUpMs)
  onPhase('measuring')
  const measured = await load.measure()
  onPhase('measured')
  await load.end()
  return { ...measured, ...load.totals }
}

class RoomsLoad {
  readonly #job: RoomsJob
  readonly #rooms: Room[]
  readonly #latencies = createHistogram()
  #senders: Sender[] = []
  #connected = 0
  #wireBytes = 0
  #isMeasuring = false
  #isEnding = false
  #ticks: NodeJS.Timeout | undefined

  constructor(job: RoomsJob) {
    this.#job = job
    const held = (room: number) => Math.min(job.members, Math.max(0, job.held - room * job.members))
    this.#rooms = Array.from({ length: job.rooms }, (_, room) => new Room(held(room)))
  }

  get totals() {
    return {
      ...{ delivered: this.#sum('delivered'), expected: this.#sum('expected'), surplus: this.#sum('surplus') },
      ...{ connected: this.#connected, sent: this.#sum('sent'), wireBytes: this.#wireBytes }
    }
  }

  async join(): Promise<void> {
    const { port, held, members, senders } = this.#job
    const { padding, wireBytes } = await measurePadding(port, wires[this.#job.wire])
    this.#wireBytes = wireBytes
    const joined = await inTurn(held, CONNECTING_AT_ONCE, (index) => this.#joinOne(index))
    const publisher = senders === 'one' ? await this.#publisher() : undefined
    this.#senders = this.#rooms.map((_, room) => {
      const own = joined.slice(room * members, (room + 1) * members)
      const seats = own.map((_, index) => seatOf(room * members + index, members))
      return publisher === undefined
        ? this.#sender(own, seats, padding)
        : this.#sender([publisher], [{ room: roomName(room), user: 'p' }], padding)
    })
  }

  begin(): void {
    const { pace } = this.#job
    if ('inFlight' in pace) for (const room of this.#rooms.keys()) this.#send(room, pace.inFlight)
    else this.#beginTicks(pace.perSecond)
  }

  async measure() {
    const { measureMs, serverPid } = this.#job
    const shares = await startShares(serverPid)
    const [begun, delivered, done] = [performance.now(), this.#sum('delivered'), this.#sum('done')]
    this.#isMeasuring = true
    await delay(measureMs)
    this.#isMeasuring = false
    const seconds = (performance.now() - begun) / 1000
    return {
      deliveriesPerSecond: (this.#sum('delivered') - delivered) / seconds,
      messagesPerSecond: (this.#sum('done') - done) / seconds,
      shares: await shares(),
      latencies: encodeHistogram(this.#latencies)
    }
  }

  /** What is on its way arrives, or is lost. */
  async end(): Promise<void> {
    this.#isEnding = true
    clearInterval(this.#ticks)
    const until = performance.now() + DRAIN_MS
    while (this.#sum('done') < this.#sum('sent') && performance.now() < until) await delay(DRAIN_LOOK_MS)
    // One that comes too often would come now.
    await delay(DRAIN_LOOK_MS)
  }

  async #joinOne(index: number): Promise<Member> {
    const { port, members, sampled } = this.#job
    const [room, place] = [Math.floor(index / members), index % members]
    const member = await Member.join({
      ...{ port, wire: wires[this.#job.wire], seat: seatOf(index, members) },
      onCount: (count) => this.#onCount(room, place, count),
      onMessage: index < sampled ? (payload) => this.#onMessage(payload) : undefined
    })
    this.#connected++
    return member
  }

  async #publisher(): Promise<Member> {
    const { publisherPort, port, wire } = this.#job
    return await Member.join({ port: publisherPort ?? port, wire: wires[wire] })
  }

  #sender(members: readonly Member[], seats: readonly Seat[], padding: number): Sender {
    const wire = wires[this.#job.wire]
    return new Sender(
      members,
      seats.map((seat) => messageFrame(wire, seat, padding))
    )
  }

  #onCount(room: number, place: number, count: number): void {
    const done = this.#rooms[room]?.receive(place, count) ?? 0
    if (done > 0 && !this.#isEnding && this.#ticks === undefined) this.#send(room, done)
  }

  #onMessage(payload: Buffer): void {
    if (this.#isMeasuring) record(this.#latencies, nowUs() - readStamp(payload))
  }

  #send(index: number, count: number): void {
    const room = this.#rooms[index]
    for (let number = 0; number < count; number++) room?.send()
    this.#senders[index]?.send(count)
  }

  /** Late ticks send what is due by then, unless too much is on its way already. */
  #beginTicks(perSecond: number): void {
    const begun = performance.now()
    let due = 0
    this.#ticks = setInterval(() => {
      const now = Math.floor(((performance.now() - begun) / 1000) * perSecond)
      for (const [index, room] of this.#rooms.entries()) if (now > due && !room.isFull) this.#send(index, now - due)
      due = now
    }, TICK_MS)
  }

  #sum(what: 'delivered' | 'expected' | 'surplus' | 'done' | 'sent'): number {
    return this.#rooms.reduce((sum, room) => sum + room[what], 0)
  }
}
