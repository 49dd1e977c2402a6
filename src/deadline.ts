import { storeUnavailable } from './errors.js'

type Stage = 'open' | 'committed' | 'over'

/** The time that one command has. What its client is told when it is over is what is in force from then on. */
export class Deadline {
  #stage: Stage = 'open'
  #expired = false
  #onExpired: Array<() => void> | undefined

  /** The client was told that the command came to nothing in time. */
  get over(): boolean {
    return this.#stage === 'over'
  }

  /** The last step before something takes effect: throws `store_unavailable` where the client was told otherwise. */
  check(): void {
    if (this.over) throw storeUnavailable(new Error('the time of the command is over'))
  }

  /** It has taken effect and will be told so: what is left to do is not waited for longer than the time. As `check`. */
  commit(): void {
    this.check()
    this.#stage = 'committed'
  }

  /** Resolves when `work` does or when the time is over, whichever comes first. Rejects as `work`. */
  async within(work: Promise<void>): Promise<void> {
    if (this.#expired) return
    await Promise.race([work, this.#expiry()])
  }

  #expiry(): Promise<void> {
    return new Promise((resolve) => {
      this.#onExpired ??= []
      this.#onExpired.push(resolve)
    })
  }

  /** The time is over. True where the client is to be told that it came to nothing. */
  expire(): boolean {
    this.#expired = true
    for (const resolve of this.#onExpired ?? []) resolve()
    this.#onExpired = undefined
    if (this.#stage !== 'open') return false
    this.#stage = 'over'
    return true
  }
}
