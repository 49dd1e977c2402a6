import type { Clock } from '../../clock.js'
import { answered } from '../answered.js'
import type { Nodes, NodesCount, NodesListener, RoomDeparture } from '../nodes.js'
import { Burial, CLAIM_MS } from './burial.js'
import type { RedisConnections } from './connections.js'
import { condemnForgotten } from './forgotten-names.js'
import type { Keys } from './keys.js'
import { RedisTime } from './redis-time.js'
import { readRun } from './run-watch.js'

const LEASE_MS = 8000
const RENEW_PERIOD_MS = 2000
const SWEEP_PERIOD_MS = 1000
/** How often names are looked for that Redis has no lease of any more. */
const SEARCH_PERIOD_MS = 60_000
/** How long it is known when a dead node was alive last. */
const ENDED_TTL_MS = 86_400_000

export interface RedisNodesOptions {
  readonly nodeId: string
  readonly connections: RedisConnections
  readonly keys: Keys
  readonly clock: Clock
  /** The system's where none is given. */
  /** How long it is known when a user was there last. */
  readonly seenTtlMs: number
  /** How long the members of a node that ended stay counted: they come back elsewhere. */
  readonly graceMs: number
  readonly onError: (error: unknown) => void
}

/** Nodes that share a Redis. */
export class RedisNodes implements Nodes {
  readonly nodeId: string
  readonly #connections: RedisConnections
  readonly #keys: Keys
  readonly #clock: Clock
  readonly #time: RedisTime
  readonly #seenTtlMs: number
  readonly #graceMs: number
  readonly #onError: (error: unknown) => void
  #incarnation = 1
  #listener: NodesListener | undefined
  #connectionCount = () => 0
  #stops: Array<() => void> = []
  #sweeping = false
  #renewing: Promise<void> | undefined
  /** The last run in which this node's presence is known to be complete; undefined until the lease was taken once. */
  #run: string | undefined
  /** When names without a lease are looked for next, by the monotonic clock. */
  #searchAt: number
  /** When Redis was last known to begin answering: before one full lease from then, nobody is judged. */
  #connectedAt: number
  #renewedAt: number

  constructor({ nodeId, connections, keys, clock, seenTtlMs, graceMs, onError }: RedisNodesOptions) {
    this.nodeId = nodeId
    this.#connections = connections
    this.#keys = keys
    this.#clock = clock
    this.#time = new RedisTime(clock)
    this.#seenTtlMs = seenTtlMs
    this.#graceMs = graceMs
    this.#onError = onError
    this.#connectedAt = clock.monotonic()
    this.#renewedAt = this.#connectedAt
    this.#searchAt = this.#connectedAt + LEASE_MS
  }

  /** This node's name in the presence: another one after each lease it lost. */
  get name(): string {
    return this.#nameOf(this.#incarnation)
  }

  /** Milliseconds since the lease was last renewed. */
  get leaseAgeMs(): number {
    return this.#clock.monotonic() - this.#renewedAt
  }

  /** Milliseconds since 1970, as all nodes count them. */
  get nowMs(): number {
    return this.#time.nowMs
  }

  async start(listener: NodesListener, connectionCount: () => number): Promise<void> {
    this.#listener = listener
    this.#connectionCount = connectionCount
    this.#stops = [
      this.#clock.every(RENEW_PERIOD_MS, () => this.#renewSafely()),
      this.#clock.every(SWEEP_PERIOD_MS, () => this.#sweepSafely()),
      this.#clock.every(SWEEP_PERIOD_MS, () => this.#searchSafely()),
      ...this.#watchConnections()
    ]
    await this.renew().catch(() => {})
  }

  async renew(): Promise<void> {
    // One that is under way may have been answered before what is asked about happened.
    await this.#renewing
    await answered(this.#renewOnce())
  }

  async count(): Promise<NodesCount> {
    const { commands } = this.#connections
    const reply = commands.rcCountNodes(this.#keys.leases, this.#keys.nodeConnections, this.name)
    const [nodes, others] = await answered(reply)
    return { nodes, connections: others + this.#connectionCount() }
  }

  /** When a node's lease ends or ended, in milliseconds since 1970; undefined where that is long ago. */
  async endOfLease(node: string): Promise<number | undefined> {
    const { leases, ended } = this.#keys
    const endedAt = await answered(this.#connections.commands.rcEndOfLease(leases, ended, node))
    return endedAt === null ? undefined : Number(endedAt)
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop()
    // A renewal after the lease was given back would take another.
    await this.#renewing
    const { leases, nodeConnections, dead, ended } = this.#keys
    await this.#connections.lease
      .rcDropLease(leases, nodeConnections, dead, ended, this.name, this.#graceMs, ENDED_TTL_MS)
      // Where Redis is away the lease runs out by itself.
      .catch(this.#onError)
  }

  /** Leases are renewed over one connection and judged over another: both have to have been there for a whole lease. */
  #watchConnections(): Array<() => void> {
    const { lease, commands } = this.#connections
    const onChange = () => this.#beginWaiting()
    const onReady = () => {
      this.#time.forget()
      void this.#renewSafely()
    }
    const listeners = [
      [lease, 'close', onChange],
      [commands, 'close', onChange],
      [commands, 'ready', onChange],
      [lease, 'ready', onChange],
      [lease, 'ready', onReady]
    ] as const
    return listeners.map(([connection, event, listener]) => {
      connection.on(event, listener)
      return () => connection.off(event, listener)
    })
  }

  /** Whoever could not reach Redis knows nothing of the others' leases. */
  #beginWaiting(): void {
    this.#connectedAt = this.#clock.monotonic()
  }

  #onTrouble(error: unknown): void {
    this.#beginWaiting()
    this.#onError(error)
  }

  /** One at a time; a failure is for the next. */
  async #renewSafely(): Promise<void> {
    await (this.#renewing ?? this.#renewOnce().catch((error) => this.#onTrouble(error)))
  }

  #renewOnce(): Promise<void> {
    const renewing = this.#renewOrBegin()
    const ended = renewing
      .catch(() => {})
      .finally(() => {
        if (this.#renewing === ended) this.#renewing = undefined
      })
    this.#renewing = ended
    return renewing
  }

  async #renewOrBegin(): Promise<void> {
    // Another run of Redis may have the lease in it that it had long ago, and a presence as old.
    const run = await readRun(this.#connections.lease)
    if (this.#run === undefined) await this.#begin(run)
    else if (run !== this.#run || !(await this.#renew())) await this.#beginAnew(run)
  }

  /** False where somebody ended it. */
  async #renew(): Promise<boolean> {
    const { leases, nodeConnections } = this.#keys
    const count = this.#connectionCount()
    const [held, nowMs] = await this.#connections.lease.rcRenewLease(
      leases,
      nodeConnections,
      this.name,
      LEASE_MS,
      count
    )
    this.#time.hear(nowMs)
    if (held === 1) this.#renewedAt = this.#clock.monotonic()
    return held === 1
  }

  /** Takes the lease of one of this node's names. Answers whether the former one is known to have ended. */
  async #take(incarnation: number, former: string): Promise<boolean> {
    const { leases, nodeConnections, dead, ended } = this.#keys
    const keys = [leases, nodeConnections, dead, ended] as const
    const name = this.#nameOf(incarnation)
    const { lease } = this.#connections
    const [formerEnded, nowMs] = await lease.rcTakeLease(...keys, name, LEASE_MS, this.#connectionCount(), former)
    this.#time.hear(nowMs)
    this.#renewedAt = this.#clock.monotonic()
    // What lost this node's lease may have lost others: they have the time of one to take theirs anew.
    this.#searchAt = this.#renewedAt + LEASE_MS
    return formerEnded === 1
  }

  async #begin(run: string): Promise<void> {
    await this.#take(this.#incarnation, '')
    this.#run = run
  }

  /** The old name counts as dead: go on under a new one, which is written under only once it has its lease. */
  async #beginAnew(run: string): Promise<void> {
    const next = this.#incarnation + 1
    const departed = await this.#take(next, this.name)
    this.#incarnation = next
    this.#run = run
    this.#listener?.onLeaseLost({ departed })
  }

  /** Whose own lease may be over cannot tell whose is. */
  get #mayJudge(): boolean {
    return this.#clock.monotonic() - this.#connectedAt >= LEASE_MS && this.leaseAgeMs <= LEASE_MS
  }

  async #sweepSafely(): Promise<void> {
    if (this.#sweeping || !this.#mayJudge) return
    this.#sweeping = true
    try {
      await this.#sweep()
    } catch (error) {
      this.#onTrouble(error)
    } finally {
      this.#sweeping = false
    }
  }

  async #sweep(): Promise<void> {
    while (this.#mayJudge) {
      const { leases, nodeConnections, dead, ended } = this.#keys
      const { latestMs } = this.#time
      const keys = [leases, nodeConnections, dead, ended] as const
      const ttls = [CLAIM_MS, ENDED_TTL_MS, LEASE_MS] as const
      const [nowMs, node] = await this.#connections.commands.rcClaimDead(...keys, ...ttls, latestMs, this.name)
      if (nowMs > latestMs) this.#onLateAnswer(nowMs)
      if (node === undefined) return
      await this.#bury(node)
    }
  }

  /** Redis was away, or its clock was set: the others' leases may be over through no fault of their own. */
  #onLateAnswer(nowMs: number): void {
    this.#time.hear(nowMs)
    this.#beginWaiting()
  }

  async #searchSafely(): Promise<void> {
    const now = this.#clock.monotonic()
    if (now < this.#searchAt || !this.#mayJudge) return
    this.#searchAt = now + SEARCH_PERIOD_MS
    try {
      await condemnForgotten({ redis: this.#connections.commands, keys: this.#keys, graceMs: LEASE_MS })
    } catch (error) {
      this.#searchAt = now + LEASE_MS
      this.#onTrouble(error)
    }
  }

  async #bury(node: string): Promise<void> {
    const { commands: redis } = this.#connections
    const onDeparture = (departure: RoomDeparture) => this.#listener?.onDeparture(departure)
    const { monotonic } = this.#clock
    const now = () => this.#time.nowMs
    const seenTtlMs = this.#seenTtlMs
    await new Burial({ redis, keys: this.#keys, node, now, monotonic, seenTtlMs, onDeparture }).run()
  }

  #nameOf(incarnation: number): string {
    return `${this.nodeId}.${incarnation}`
  }
}

/** The node that has or had this name. */
export function nodeIdOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'))
}
