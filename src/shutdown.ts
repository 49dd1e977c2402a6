/** Ctrl-C and `npm start` deliver one signal twice; only what comes later than this is meant as another. */
const SAME_SIGNAL_MS = 2000

export interface ShutdownSteps {
  /** Begins the orderly end. */
  begin(): void
  /** Somebody is in a hurry. */
  hurry(): void
}

/** What the operator's signals ask for: the first one the end, and one that comes two seconds later or more, haste. */
export class Shutdown {
  /** What is done from now on. */
  steps: ShutdownSteps
  readonly #monotonic: () => number
  #firstAt: number | undefined

  /** `monotonic` tells milliseconds. */
  constructor(monotonic: () => number, steps: ShutdownSteps) {
    this.#monotonic = monotonic
    this.steps = steps
  }

  get begun(): boolean {
    return this.#firstAt !== undefined
  }

  /** SIGTERM or SIGINT came. An arrow function, so that it may be handed on alone. */
  readonly onSignal = (): void => {
    const now = this.#monotonic()
    if (this.#firstAt === undefined) {
      this.#firstAt = now
      this.steps.begin()
    } else if (now - this.#firstAt >= SAME_SIGNAL_MS) {
      this.steps.hurry()
    }
  }
}
