import type { Clock } from '../clock.js'
import type { LeaseLoss } from '../store/nodes.js'
import type { Readiness, Store } from '../store/store.js'

/** What this node hears. Each is idempotent, and rejects with `store_unavailable`. */
export interface Hearing {
  /** Hears every channel again. */
  resubscribe(): Promise<void>
  /** Reads and tells what was missed, or that it is lost. */
  catchUp(): Promise<void>
}

export interface RecoveryOptions {
  readonly store: Pick<Store, 'start' | 'readiness'> & { readonly nodes: { renew(): Promise<void> } }
  /** Each writes again what the store had of this node. Idempotent; rejects with `store_unavailable`. */
  readonly holdings: ReadonlyArray<(loss: LeaseLoss) => Promise<void>>
  readonly hearing: Hearing
  readonly clock: Clock
  /** The store is away, or away for another reason than before. Told once for each. */
  readonly onDown: (reason: string) => void
  /** The node is whole, after so many milliseconds with a store that serves. */
  readonly onWhole: (durationMs: number) => void
  /** A step that failed; all of them are tried again. */
  readonly onError: (error: unknown) => void
}

export type RecoveryStep = 'lease' | 'holdings' | 'topics' | 'messages'

export type RecoveryState =
  | { readonly kind: 'away'; readonly reason: string }
  | { readonly kind: 'entering'; readonly step: RecoveryStep }
  | { readonly kind: 'whole' }

const RETRY_MS = 1000

/**
 * Brings the node into the cluster, and back into it after the store was away: first its lease, then what of it the store
 * has lost, then what it hears, then what it missed. Only then is the node whole. Whatever comes in between, all of it
 * begins anew.
 */
export class Recovery {
  readonly #options: RecoveryOptions
  #state: RecoveryState = { kind: 'away', reason: 'the store is not connected' }
  /** Of the entering under way: an earlier one that still waits for an answer goes no further. */
  #attempt: object | undefined
  /** How often the store lost what it had of this node, and up to which of these it was written again. */
  #losses = 0
  #rewritten = 0
  /** Of all losses that are not made good yet. */
  #loss: LeaseLoss = { departed: true }
  #enteredOnce = false
  #renewing: Promise<void> | undefined
  #waiting: Array<() => void> = []

  constructor(options: RecoveryOptions) {
    this.#options = options
  }

  get state(): RecoveryState {
    return this.#state
  }

  /** Whether the node was in the cluster ever: before, nobody can be served. */
  get entered(): boolean {
    return this.#enteredOnce
  }

  /** Whether the node can keep its promises now. Answers at once, from what is known. */
  readiness(): Readiness {
    const readiness = this.#options.store.readiness()
    if (!readiness.ready || this.#state.kind === 'whole') return readiness
    const { state } = this
    return { ready: false, reason: state.kind === 'away' ? state.reason : 'recovering from an outage of the store' }
  }

  /** Begins; resolves when the node is whole, or the store turns out to be away. Call once. */
  async start(): Promise<void> {
    this.#options.store.start({
      onUp: () => this.#begin(),
      onDown: (reason) => this.#onDown(reason)
    })
    while (this.#state.kind === 'entering') await this.#change()
  }

  /** The lease was lost, and with it all that the store had of this node. */
  onLeaseLost({ departed }: LeaseLoss): void {
    this.#losses++
    // What was forgotten once is not known to have departed.
    this.#loss = { departed: departed && this.#loss.departed }
    const { state } = this
    // The first step is what looks for it.
    if (state.kind === 'whole' || (state.kind === 'entering' && state.step !== 'lease')) this.#begin()
  }

  /**
   * Resolves when all that the store is to have of this node is there: where it was lost, when it has been written again.
   * Never rejects.
   */
  async holdingsKept(): Promise<void> {
    if (this.#state.kind === 'whole') await this.#renew()
    while (!this.#areHoldingsKept) await this.#change()
  }

  get #areHoldingsKept(): boolean {
    const { state } = this
    // Until the lease was looked at nobody knows what the store has lost while it was away.
    const isUnknown = state.kind === 'away' || (state.kind === 'entering' && state.step === 'lease')
    return !isUnknown && this.#rewritten >= this.#losses
  }

  /** Once for all that ask in one moment. Where it fails the store is away, or about to be. */
  async #renew(): Promise<void> {
    this.#renewing ??= this.#options.store.nodes
      .renew()
      .catch(this.#options.onError)
      .finally(() => {
        this.#renewing = undefined
      })
    await this.#renewing
  }

  #onDown(reason: string): void {
    this.#attempt = undefined
    this.#set({ kind: 'away', reason })
    this.#options.onDown(reason)
  }

  #begin(): void {
    const attempt = {}
    this.#attempt = attempt
    const startedAt = this.#options.clock.monotonic()
    this.#set({ kind: 'entering', step: 'lease' })
    void this.#enter(attempt, startedAt)
  }

  async #enter(attempt: object, startedAt: number): Promise<void> {
    const { clock, onWhole, onError } = this.#options
    try {
      for (const [step, run] of this.#steps()) {
        this.#set({ kind: 'entering', step })
        await run()
        if (this.#attempt !== attempt) return
      }
      this.#enteredOnce = true
      this.#set({ kind: 'whole' })
      onWhole(clock.monotonic() - startedAt)
    } catch (error) {
      if (this.#attempt !== attempt) return
      onError(error)
      this.#set({ kind: 'away', reason: 'the store does not take what this node has to tell it' })
      clock.after(RETRY_MS, () => {
        if (this.#attempt === attempt) this.#begin()
      })
    }
  }

  #steps(): ReadonlyArray<readonly [RecoveryStep, () => Promise<void>]> {
    const { store, hearing } = this.#options
    return [
      ['lease', () => store.nodes.renew()],
      ['holdings', () => this.#rewrite()],
      ['topics', () => hearing.resubscribe()],
      ['messages', () => hearing.catchUp()]
    ]
  }

  async #rewrite(): Promise<void> {
    const losses = this.#losses
    if (losses === this.#rewritten) return
    for (const rewrite of this.#options.holdings) await rewrite(this.#loss)
    // An attempt that was given up may end after the one that came later.
    this.#rewritten = Math.max(this.#rewritten, losses)
    if (losses === this.#losses) this.#loss = { departed: true }
  }

  #set(state: RecoveryState): void {
    this.#state = state
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
