import type { Member } from './member.js'
import { nowUs, stampIndex, writeStamp } from './stamp.js'

/** Sends the same message again and again, each with its time; where several members send, they take turns. */
export class Sender {
  readonly #members: readonly Member[]
  /** For each member what it sends. */
  readonly #frames: readonly Buffer[]
  readonly #stampIndexes: readonly number[]
  #turn = 0

  constructor(members: readonly Member[], frames: readonly Buffer[]) {
    this.#members = members
    this.#frames = frames
    this.#stampIndexes = frames.map(stampIndex)
  }

  /** What one member sends at once is one write. */
  send(count: number): void {
    const { length } = this.#members
    const timeUs = nowUs()
    const rounds = Math.floor(count / length)
    const rest = count % length
    for (let index = 0; index < Math.min(count, length); index++) {
      this.#write((this.#turn + index) % length, rounds + (index < rest ? 1 : 0), timeUs)
    }
    this.#turn = (this.#turn + rest) % length
  }

  #write(index: number, count: number, timeUs: number): void {
    const frame = this.#frames[index] ?? Buffer.alloc(0)
    writeStamp(frame, this.#stampIndexes[index] ?? 0, timeUs)
    const frames = Buffer.allocUnsafe(frame.length * count)
    for (let number = 0; number < count; number++) frame.copy(frames, number * frame.length)
    this.#members[index]?.write(frames)
  }
}
