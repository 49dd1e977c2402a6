import { delay } from './delay.js'
import { createHistogram, encodeHistogram, record } from './histogram.js'
import type { FlowReport, RoomsJob } from './jobs.js'
import type { Member } from './member.js'
import { startShares } from './processor-time.js'
import { Room } from './room.js'
import { Sender } from './sender.js'
import { nowUs, readStamp } from './stamp.js'

const DRAIN_MS = 5000
const DRAIN_LOOK_MS = 20
const TICK_MS = 1

/** Who sends in a room, in turn, and what. */
export interface Publishers {
  readonly members: readonly Member[]
  /** For each of them its message, as a frame. */
  readonly frames: readonly Buffer[]
}

/** Lets messages flow between connections that are in their rooms, and measures a part of that. */
export class Flow {
  readonly #job: RoomsJob
  readonly #rooms: Room[]
  readonly #latencies = createHistogram()
  #senders: readonly Sender[] = []
  #isMeasuring = false
  #isEnding = false
  #ticks: NodeJS.Timeout | undefined

  constructor(job: RoomsJob) {
    this.#job = job
    this.#rooms = Array.from({ length: job.rooms }, () => new Room(membersHeld(job)))
  }

  /** `publishers`: of each room. */
  async run(publishers: readonly Publishers[], onPhase: (phase: string) => void): Promise<FlowReport> {
    this.#senders = publishers.map(({ members, frames }) => new Sender(members, frames))
    this.#begin()
    await delay(this.#job.warmUpMs)
    onPhase('measuring')
    const measured = await this.#measure()
    onPhase('measured')
    await this.#end()
    return { ...measured, delivered: this.#sum('delivered'), surplus: this.#sum('surplus'), sent: this.#sum('sent') }
  }

  /** The member at `place` of a room heard so many messages. */
  onCount(room: number, place: number, count: number): void {
    const done = this.#rooms[room]?.receive(place, count) ?? 0
    if (done > 0 && !this.#isEnding && this.#ticks === undefined) this.#send(room, done)
  }

  onMessage(payload: Buffer): void {
    if (this.#isMeasuring) record(this.#latencies, nowUs() - readStamp(payload))
  }

  #begin(): void {
    const { pace } = this.#job
    if ('inFlight' in pace) for (const room of this.#rooms.keys()) this.#send(room, pace.inFlight)
    else this.#beginTicks(pace.perSecond)
  }

  async #measure() {
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
  async #end(): Promise<void> {
    this.#isEnding = true
    clearInterval(this.#ticks)
    const until = performance.now() + DRAIN_MS
    while (this.#sum('done') < this.#sum('sent') && performance.now() < until) await delay(DRAIN_LOOK_MS)
    // One that comes too often would come now.
    await delay(DRAIN_LOOK_MS)
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

  #sum(what: 'delivered' | 'surplus' | 'done' | 'sent'): number {
    return this.#rooms.reduce((sum, room) => sum + room[what], 0)
  }
}

/** Of each room: a room that several processes share is the only one. */
export function membersHeld({ rooms, members, held }: RoomsJob): number {
  return rooms === 1 ? held : members
}
