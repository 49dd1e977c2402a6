import { delay } from './delay.js'
import { encodeText } from './frames.js'
import { createHistogram, encodeHistogram, record } from './histogram.js'
import type { AcksJob, AcksReport } from './jobs.js'
import { startShares } from './processor-time.js'
import { RawSocket } from './raw-socket.js'
import { nowUs, readStamp, STAMP_PLACE, stampIndex, writeStamp } from './stamp.js'
import { wires } from './wires.js'

/** `{"type":"ack"`. */
const ackMark = { index: 9, byte: 'a'.charCodeAt(0) }
const CONTENT = 'x'.repeat(14)

/** One connection publishes with so many unanswered messages at a time; the stamp is the `id` that the answer repeats. */
export async function loadAcks(job: AcksJob, onPhase: (phase: string) => void): Promise<AcksReport> {
  const load = new AcksLoad(job)
  await load.begin()
  await delay(job.warmUpMs)
  onPhase('measuring')
  const report = await load.measure()
  onPhase('measured')
  return report
}

class AcksLoad {
  readonly #job: AcksJob
  readonly #socket: RawSocket
  readonly #frame = encodeText(
    JSON.stringify({ type: 'chat_message', id: STAMP_PLACE, room: 'r1', user_id: 'p', content: CONTENT })
  )
  readonly #stampIndex = stampIndex(this.#frame)
  #latencies = createHistogram()
  #acks = 0
  #refused = 0
  #durable = ''

  constructor(job: AcksJob) {
    this.#job = job
    this.#socket = new RawSocket({
      ...{ port: job.port, path: wires.roomcast.path, mark: ackMark },
      onMessage: (payload) => this.#onAck(payload),
      onCount: (count) => this.#send(count),
      onOther: (_, payload) => this.#onOther(payload.toString())
    })
  }

  async begin(): Promise<void> {
    await this.#socket.opened
    this.#send(this.#job.inFlight)
  }

  async measure(): Promise<AcksReport> {
    const shares = await startShares(this.#job.serverPid)
    const [begun, acks] = [performance.now(), this.#acks]
    this.#latencies = createHistogram()
    await delay(this.#job.measureMs)
    return {
      acksPerSecond: ((this.#acks - acks) / (performance.now() - begun)) * 1000,
      ...{ durable: this.#durable, refused: this.#refused, shares: await shares() },
      latencies: encodeHistogram(this.#latencies)
    }
  }

  #onAck(payload: Buffer): void {
    if (this.#acks++ === 0) this.#durable = JSON.parse(payload.toString()).durable
    record(this.#latencies, nowUs() - readStamp(payload))
  }

  #onOther(text: string): void {
    if (text.startsWith('{"type":"error"')) this.#refused++
  }

  #send(count: number): void {
    writeStamp(this.#frame, this.#stampIndex, nowUs())
    const frames = Buffer.allocUnsafe(this.#frame.length * count)
    for (let number = 0; number < count; number++) this.#frame.copy(frames, number * this.#frame.length)
    this.#socket.write(frames)
  }
}
