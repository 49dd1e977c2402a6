import { createHistogram, percentileMs, record } from './histogram.js'
import { inTurn } from './in-turn.js'
import { Member } from './member.js'
import { Sender } from './sender.js'
import { nowUs, readStamp } from './stamp.js'
import { messageFrame } from './wire-size.js'
import { wires } from './wires.js'

const MEMBERS = 10
const PERIOD_MS = 10
const PADDING = 100
const wire = wires.roomcast

/** A room that nothing happens to while others come and go: a message every 10 ms, and how late each member has it. */
export class CalmRoom {
  readonly #latencies = createHistogram()
  #sender: Sender | undefined
  #ticks: NodeJS.Timeout | undefined

  static async open(port: number): Promise<CalmRoom> {
    const room = new CalmRoom()
    const onMessage = (payload: Buffer) => record(room.#latencies, nowUs() - readStamp(payload))
    const seatOf = (index: number) => ({ room: 'calm', user: `calm${index}` })
    const members = await inTurn(MEMBERS, MEMBERS, (index) =>
      Member.join({ port, wire, seat: seatOf(index), onMessage })
    )
    room.#sender = new Sender(
      members,
      members.map((_, index) => messageFrame(wire, seatOf(index), PADDING))
    )
    return room
  }

  /** Begins anew, too. */
  begin(): void {
    this.#latencies.reset()
    this.#ticks = setInterval(() => this.#sender?.send(1), PERIOD_MS)
  }

  /** Gives the latency's 99th percentile in milliseconds, of all members. */
  end(): number {
    clearInterval(this.#ticks)
    return percentileMs(this.#latencies, 99)
  }
}
