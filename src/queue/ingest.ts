import type { Clock } from '../clock.js'
import { RoomcastError } from '../errors.js'
import { INGEST_LEASE_MS, type IngestEntry, type IngestLog } from '../store/ingest-log.js'
import type { IngestType, Job } from './ingest-types.js'
import { Lanes } from './lanes.js'
import { decodeMessage, HandlerError } from './typed-message.js'

export interface IngestOptions {
  readonly log: IngestLog
  readonly clock: Clock
  /** How entries of a type are handled; undefined for a type that nobody handles. */
  readonly typeOf: (type: string) => IngestType | undefined
  /** A failure of the store, which is tried again, or a fault of our own. */
  readonly onError: (error: unknown) => void
}

/** Channels that are served side by side (protocol.md, section 4). */
const LANES_MAX = 64
/** Entries that are read and not handled yet: bounds the memory, and what another node has to do again. */
const AHEAD_MAX = 256
/** Entries that are read at once, at least. */
const PAGE = 64
/** How often the lease is renewed, and how often the others look whether it is free. */
const RENEW_PERIOD_MS = 1500
/** Between two tries of what the store did not take. */
const RETRY_MS = 500
/** How long the end of the server waits for what is under way. */
const CLOSE_TIMEOUT_MS = 1000
/** Of a dead letter. */
const REASON_LENGTH_MAX = 1000

/** Where entries wait that can only become dead letters. */
const UNFIT = 'unfit:'

interface Task {
  readonly entry: IngestEntry
  readonly job: Job
}

/**
 * Handles what backends write to the log, on one node of the cluster at a time. Entries of one channel are handled in
 * order; what cannot be handled becomes a dead letter; what the store does not take is tried until it does.
 */
export class Ingest {
  readonly #options: IngestOptions
  readonly #lanes: Lanes<Task>
  /** Ids in the lanes: a second look at what is pending must not begin them again. */
  readonly #underWay = new Set<string>()
  readonly #wakers = new Set<() => void>()
  /** Until then, by the monotonic clock, this node may hand out entries. */
  #leaseEnd = Number.NEGATIVE_INFINITY
  #length = 0
  #closed = false
  #taking = Promise.resolve()
  #handled = 0
  #dead = 0

  constructor(options: IngestOptions) {
    this.#options = options
    this.#lanes = new Lanes(LANES_MAX, (task) => this.#handle(task))
  }

  /** Whether this node has the lease. */
  get active(): boolean {
    return !this.#closed && this.#options.clock.monotonic() < this.#leaseEnd
  }

  /** Entries in the log when the lease was last renewed; 0 on a node that does not have it. */
  get lag(): number {
    return this.active ? this.#length : 0
  }

  /** Entries that were handled here. */
  get handled(): number {
    return this.#handled
  }

  /** Entries that became dead letters here. */
  get dead(): number {
    return this.#dead
  }

  /** Begins to try for the lease. Call once, when all handlers are registered. */
  start(): void {
    void this.#run()
  }

  /** Gives the lease back when what is under way is done, or a second later. Never rejects. */
  async close(): Promise<void> {
    const { log, onError } = this.#options
    this.#closed = true
    this.#drop()
    for (const wake of this.#wakers) wake()
    await Promise.race([this.#lanes.settled(0), this.#pause(CLOSE_TIMEOUT_MS)])
    // Else it could be taken after it was given back.
    await this.#taking
    await log.release().catch(onError)
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      await this.#serve().catch((error) => this.#report(error))
      this.#leaseEnd = Number.NEGATIVE_INFINITY
      this.#drop()
      if (!this.#closed) await this.#pause(RENEW_PERIOD_MS)
    }
  }

  /** Takes the lease where it is free, and reads as long as it lasts. */
  async #serve(): Promise<void> {
    const { log, clock } = this.#options
    const askedAt = clock.monotonic()
    const taking = log.take()
    this.#taking = taking.then(noop, noop)
    if (!(await taking)) return
    this.#leaseEnd = askedAt + INGEST_LEASE_MS
    const stopRenewing = clock.every(RENEW_PERIOD_MS, () => void this.#renew().catch((error) => this.#report(error)))
    try {
      await this.#renew()
      await this.#readOn()
    } finally {
      stopRenewing()
    }
  }

  async #renew(): Promise<void> {
    const { log, clock } = this.#options
    const askedAt = clock.monotonic()
    const length = await log.renew()
    this.#leaseEnd = length === undefined ? Number.NEGATIVE_INFINITY : askedAt + INGEST_LEASE_MS
    this.#length = length ?? 0
  }

  /** First what others, or an earlier term of this node, left pending; then what comes. Ends with the lease. */
  async #readOn(): Promise<void> {
    const { log } = this.#options
    let after = '0-0'
    while (this.active) {
      await this.#lanes.settled(AHEAD_MAX - PAGE)
      const page = await log.read(after, AHEAD_MAX - this.#lanes.size)
      if (page === undefined) return
      for (const entry of page.entries) this.#accept(entry)
      if (after !== 'new') after = page.entries.at(-1)?.id ?? 'new'
      else if (page.entries.length === 0) await log.wait(page.end)
    }
  }

  #accept(entry: IngestEntry): void {
    if (this.#underWay.has(entry.id)) return
    this.#underWay.add(entry.id)
    const job = this.#jobOf(entry)
    this.#lanes.push(job.lane, { entry, job })
  }

  #jobOf({ id, message, gone }: IngestEntry): Job {
    if (gone) return { lane: UNFIT, run: async () => {} }
    try {
      if (message === undefined) throw new RoomcastError('invalid_message', { message: 'message: no such field' })
      const decoded = decodeMessage(message)
      const type = this.#options.typeOf(decoded.message.type)
      if (type === undefined) throw new RoomcastError('unknown_type')
      return type(decoded, id)
    } catch (error) {
      return { lane: UNFIT, run: () => Promise.reject(error) }
    }
  }

  /** Does the job and takes the entry out of the log. Never rejects; where the lease is lost, the entry stays pending. */
  async #handle({ entry, job }: Task): Promise<void> {
    try {
      if (this.active) await this.#finish(entry, await this.#insist(() => this.#attempt(job)))
    } catch (error) {
      this.#options.onError(error)
    }
    this.#underWay.delete(entry.id)
  }

  /** Also without the lease: what is done is done, and neither step does anything twice. */
  async #finish(entry: IngestEntry, reason: string | undefined): Promise<void> {
    const { log } = this.#options
    if (reason === undefined) {
      await this.#insist(() => log.settle(entry.id))
      this.#handled++
    } else {
      await this.#insist(() => log.bury({ entry, reason }))
      this.#dead++
    }
  }

  /** Undefined where the job is done, else why it never will be. Rejects with `store_unavailable`. */
  async #attempt(job: Job): Promise<string | undefined> {
    try {
      await job.run()
      return undefined
    } catch (error) {
      if (isStoreAway(error)) throw error
      const failure = error instanceof RoomcastError || error instanceof HandlerError ? error : undefined
      if (failure === undefined) this.#options.onError(error)
      return reasonOf(failure ?? new RoomcastError('internal'))
    }
  }

  /** Tries until the store takes it, at least once. Rejects where the lease is lost before that. */
  async #insist<T>(step: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await step()
      } catch (error) {
        if (!this.active) throw error
        // Once for each entry: the store may be away for long.
        if (tries === 1) this.#options.onError(error)
        await this.#pause(RETRY_MS)
      }
    }
  }

  /** At the end of the server its connections are taken away. */
  #report(error: unknown): void {
    if (!this.#closed) this.#options.onError(error)
  }

  /** What is not begun stays pending, for whoever has the lease next. */
  #drop(): void {
    for (const { entry } of this.#lanes.clear()) this.#underWay.delete(entry.id)
  }

  /** Ends early when the server closes. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel()
        this.#wakers.delete(wake)
        resolve()
      }
      const cancel = this.#options.clock.after(ms, wake)
      this.#wakers.add(wake)
    })
  }
}

function isStoreAway(error: unknown): boolean {
  return error instanceof RoomcastError && error.code === 'store_unavailable'
}

function reasonOf({ code, message }: RoomcastError | HandlerError): string {
  return `${code}: ${message}`.slice(0, REASON_LENGTH_MAX)
}

function noop(): void {}
