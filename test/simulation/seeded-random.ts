import type { Random } from '../../src/random.js'
import { Random as Numbers } from '../faults/support/random.js'

/** Chance that is the same for the same seed. */
export class SeededRandom extends Numbers implements Random {
  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.integer(0, 255)))
  }

  uuid(): string {
    const hex = this.bytes(16).toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
  }

  timeUuid(nowMs: number): string {
    const hex = nowMs.toString(16).padStart(12, '0')
    return `${hex.slice(0, 8)}-${hex.slice(8)}-7${this.uuid().slice(15)}`
  }

  /** True this often. */
  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** A number between the two. */
  between(from: number, to: number): number {
    return from + this.next() * (to - from)
  }

  /** Chance of its own, for a part whose draws must not move those of the others. */
  fork(): SeededRandom {
    return new SeededRandom(this.integer(0, 4_294_967_295))
  }
}
