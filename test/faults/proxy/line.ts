import type { Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../support/random.js'
import type { Manner } from './manner.js'
import { RespFrames } from './resp-frames.js'

export interface LineOptions {
  readonly from: Socket
  readonly to: Socket
  readonly random: Random
  /** Whether what comes are answers of Redis; asked when the first byte comes. */
  readonly isResp: () => boolean
  readonly onBytes: (bytes: Buffer) => void
  /** Resets both ends. */
  readonly cut: () => void
}

type Parcel = { readonly bytes: Buffer; readonly dueAt: number } | 'end' | 'reset'

/** What waits here at most before the sender has to. */
const QUEUED_BYTES_MAX = 256 * 1024
/** A limited bandwidth is handed out so often. */
const PORTIONS_PER_SECOND = 20

/** One direction of a connection: takes what one end sends and hands it to the other, in order, as its manner says. */
export class Line {
  readonly #options: LineOptions
  #manner: Manner = {}
  #frames: RespFrames | undefined
  #queue: Parcel[] = []
  #queuedBytes = 0
  #lastDueAt = 0
  #pumping = false
  #bytesUntilCut = Number.POSITIVE_INFINITY
  #wake: () => void = () => {}

  constructor(options: LineOptions) {
    this.#options = options
    const { from, to } = options
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.on('end', () => this.#add('end'))
    from.on('error', () => this.#add('reset'))
    to.on('close', () => this.#wake())
  }

  behave(manner: Manner): void {
    this.#manner = manner
    this.#bytesUntilCut = manner.cutAfterBytes ?? Number.POSITIVE_INFINITY
    this.#wake()
  }

  /** Ends the way after what is under way on it. */
  end(): void {
    this.#add('end')
  }

  #take(bytes: Buffer): void {
    const { isResp, onBytes, random } = this.#options
    onBytes(bytes)
    const kept = isResp() ? this.#sift(bytes) : bytes
    const { dropAll = false, delayMs = 0, jitterMs = 0 } = this.#manner
    if (dropAll || kept.length === 0) return
    const dueAt = Math.max(this.#lastDueAt, performance.now() + delayMs + random.next() * jitterMs)
    this.#lastDueAt = dueAt
    this.#queuedBytes += kept.length
    this.#add({ bytes: kept, dueAt })
    if (this.#queuedBytes > QUEUED_BYTES_MAX) this.#options.from.pause()
  }

  /** Only whole answers go on: else one could not be left out. */
  #sift(bytes: Buffer): Buffer {
    this.#frames ??= new RespFrames()
    const { swallow = () => false } = this.#manner
    return Buffer.concat(this.#frames.push(bytes).filter((frame) => !swallow(frame)))
  }

  #add(parcel: Parcel): void {
    this.#queue.push(parcel)
    if (!this.#pumping) void this.#pump()
  }

  async #pump(): Promise<void> {
    this.#pumping = true
    for (let parcel = this.#queue.shift(); parcel !== undefined; parcel = this.#queue.shift()) {
      await this.#released()
      if (this.#options.to.destroyed) break
      await this.#forward(parcel)
    }
    this.#pumping = false
  }

  async #released(): Promise<void> {
    while (this.#manner.hold === true && !this.#options.to.destroyed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async #forward(parcel: Parcel): Promise<void> {
    const { from, to, cut } = this.#options
    if (parcel === 'end') to.end()
    else if (parcel === 'reset') cut()
    else {
      const waitMs = parcel.dueAt - performance.now()
      if (waitMs > 0) await sleep(waitMs)
      // The manner may have changed meanwhile.
      await this.#released()
      await this.#write(parcel.bytes)
      this.#queuedBytes -= parcel.bytes.length
      if (this.#queuedBytes <= QUEUED_BYTES_MAX) from.resume()
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    for (let start = 0; start < bytes.length && !this.#options.to.destroyed; ) {
      const { sliceBytes = Number.POSITIVE_INFINITY, bytesPerSecond = Number.POSITIVE_INFINITY } = this.#manner
      const length = Math.min(sliceBytes, Math.ceil(bytesPerSecond / PORTIONS_PER_SECOND), this.#bytesUntilCut)
      const slice = bytes.subarray(start, start + length)
      await this.#send(slice)
      this.#bytesUntilCut -= slice.length
      if (this.#bytesUntilCut <= 0) this.#options.cut()
      if (bytesPerSecond < Number.POSITIVE_INFINITY) await sleep((slice.length * 1000) / bytesPerSecond)
      start += slice.length
      // Else the next one would be read together with this one.
      if (start < bytes.length) await nextTurn()
    }
  }

  /** Resolves when the bytes have left. */
  async #send(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return
    await new Promise<void>((resolve) => this.#options.to.write(bytes, () => resolve()))
  }
}
