import { DeflateMember } from './deflate-member.js'
import { delay } from './delay.js'
import { inTurn } from './in-turn.js'
import type { DeflateJob, DeflateReport } from './jobs.js'
import { orderUpdate } from './order-updates.js'
import { startShares } from './processor-time.js'
import { roomName, seatOf } from './seats.js'

const CONNECTING_AT_ONCE = 64
/** What is told of joins, at most once a second, is over by then. */
const SETTLE_MS = 300
const DRAIN_MS = 5000
const DRAIN_LOOK_MS = 20
const TICK_MS = 1
/** Different messages, made before the first is sent. */
const TEXTS = 64

/** Fills the room, lets the messages flow, and measures a part of that. */
export async function loadDeflate(job: DeflateJob, onPhase: (phase: string) => void): Promise<DeflateReport> {
  const load = new DeflateLoad(job)
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

class DeflateLoad {
  readonly #job: DeflateJob
  readonly #texts = Array.from({ length: TEXTS }, (_, number) => publishOf(orderUpdate(number)))
  #publisher: DeflateMember | undefined
  #ticks: NodeJS.Timeout | undefined
  #connected = 0
  #sent = 0
  #delivered = 0
  #bytes = 0

  constructor(job: DeflateJob) {
    this.#job = job
  }

  get totals() {
    return { delivered: this.#delivered, expected: this.#expected, connected: this.#connected }
  }

  get #expected(): number {
    return this.#sent * this.#job.members
  }

  async join(): Promise<void> {
    const { port, deflates, members } = this.#job
    const onMessage = (bytes: number) => {
      this.#delivered++
      this.#bytes += bytes
    }
    await inTurn(members, CONNECTING_AT_ONCE, async (index) => {
      await DeflateMember.join({ port, deflates, seat: seatOf(index, members), onMessage })
      this.#connected++
    })
    this.#publisher = await DeflateMember.join({ port, deflates })
  }

  /** Late ticks send what is due by then. */
  begin(): void {
    const begun = performance.now()
    this.#ticks = setInterval(() => {
      const due = Math.floor(((performance.now() - begun) / 1000) * this.#job.perSecond)
      while (this.#sent < due) this.#publisher?.say(this.#texts[this.#sent++ % TEXTS] ?? '')
    }, TICK_MS)
  }

  async measure() {
    const { measureMs, serverPid } = this.#job
    const shares = await startShares(serverPid)
    const [begun, delivered, bytes] = [performance.now(), this.#delivered, this.#bytes]
    await delay(measureMs)
    const seconds = (performance.now() - begun) / 1000
    const deliveries = this.#delivered - delivered
    return {
      deliveriesPerSecond: deliveries / seconds,
      bytesPerMessage: (this.#bytes - bytes) / deliveries,
      shares: await shares()
    }
  }

  /** What is on its way arrives, or is lost. */
  async end(): Promise<void> {
    clearInterval(this.#ticks)
    const until = performance.now() + DRAIN_MS
    while (this.#delivered < this.#expected && performance.now() < until) await delay(DRAIN_LOOK_MS)
    // One that comes too often would come now.
    await delay(DRAIN_LOOK_MS)
  }
}

function publishOf(content: object): string {
  return JSON.stringify({ type: 'chat_message', room: roomName(0), user_id: 'p', content })
}
