import type { Clock } from '../../clock.js'
import { answered } from '../answered.js'
import type { Nodes, NodesCount, NodesListener } from '../nodes.js'
import type { RedisConnections } from './connections.js'
import { type Keys, PARTITIONS } from './keys.js'
import { onlineKeys, roomKeys } from './redis-presence.js'
import { readRun } from './run-watch.js'

const LEASE_MS = 8000
const RENEW_PERIOD_MS = 2000
const SWEEP_PERIOD_MS = 1000
/** How long one node may take to bury another before a third goes on with it. */
const CLAIM_MS = 10_000
/** How long it is known when a dead node was alive last. */
const ENDED_TTL_MS = 86_400_000
/** Members of a dead node that are removed in one step. */
const PAGE = 500

export interface RedisNodesOptions {
  readonly nodeId: string
  readonly connections: RedisConnections
  readonly keys: Keys
  readonly clock: Clock
  /** The system's where none is given. */
  /** How long it is known when a user was there last. */
  readonly seenTtlMs: number
  readonly onError: (error: unknown) => void
}

/** Nodes that share a Redis. */
export class RedisNodes implements Nodes {
  readonly nodeId: string
  readonly #connections: RedisConnections
  readonly #keys: Keys
  readonly #clock: Clock
  readonly #seenTtlMs: number
  readonly #onError: (error: unknown) => void
  #incarnation = 1
  #listener: NodesListener | undefined
  #connectionCount = () => 0
  #stops: Array<() => void> = []
  #sweeping = false
  #renewing = Promise.resolve()
  /** Undefined until the lease was taken once. */
  #run: string | undefined
  /** The connection is a new one: it may speak to another run. */
  #reconnected = true
  /** When Redis was last known to begin answering: before one full lease from then, nobody is judged. */
  #connectedAt: number
  #renewedAt: number

  constructor({ nodeId, connections, keys, clock, seenTtlMs, onError }: RedisNodesOptions) {
    this.nodeId = nodeId
    this.#connections = connections
    this.#keys = keys
    this.#clock = clock
    this.#seenTtlMs = seenTtlMs
    this.#onError = onError
    this.#connectedAt = clock.monotonic()
    this.#renewedAt = this.#connectedAt
  }

  /** This node's name in the presence: another one after each lease it lost. */
  get name(): string {
    return `${this.nodeId}.${this.#incarnation}`
  }

  /** Milliseconds since the lease was last renewed. */
  get leaseAgeMs(): number {
    return this.#clock.monotonic() - this.#renewedAt
  }

  async start(listener: NodesListener, connectionCount: () => number): Promise<void> {
    this.#listener = listener
    this.#connectionCount = connectionCount
    const onReady = () => {
      this.#connectedAt = this.#clock.monotonic()
      this.#reconnected = true
    }
    this.#connections.lease.on('ready', onReady)
    this.#stops = [
      this.#clock.every(RENEW_PERIOD_MS, () => this.#renewSafely()),
      this.#clock.every(SWEEP_PERIOD_MS, () => this.#sweepSafely()),
      () => this.#connections.lease.off('ready', onReady)
    ]
    await this.renew().catch(() => {})
  }

  async renew(): Promise<void> {
    const renewing = this.#renewing.then(() => this.#keep())
    this.#renewing = renewing.catch(() => {})
    await answered(renewing)
  }

  async count(): Promise<NodesCount> {
    const { commands } = this.#connections
    const reply = commands.rcCountNodes(this.#keys.leases, this.#keys.nodeConnections, this.name)
    const [nodes, others] = await answered(reply)
    return { nodes, connections: others + this.#connectionCount() }
  }

  /** When a node's lease ends or ended, in milliseconds since 1970; undefined for one that gave it back. */
  async endOfLease(node: string): Promise<number | undefined> {
    const { leases, ended } = this.#keys
    const endedAt = await answered(this.#connections.commands.rcEndOfLease(leases, ended, node))
    return endedAt === null ? undefined : Number(endedAt)
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop()
    // A renewal after the lease was given back would take another.
    await this.#renewing
    await this.#connections.lease
      .rcDropLease(this.#keys.leases, this.#keys.nodeConnections, this.#keys.dead, this.name)
      // Where Redis is away the lease runs out by itself.
      .catch(this.#onError)
  }

  /** One at a time; a failure is for the next. */
  async #renewSafely(): Promise<void> {
    this.#renewing = this.#renewing.then(() => this.#keep()).catch((error) => this.#onTrouble(error))
    await this.#renewing
  }

  /** Another run of Redis may have the lease in it that it had long ago, and a presence as old. */
  async #keep(): Promise<void> {
    const former = this.#run
    if (this.#reconnected) {
      this.#reconnected = false
      this.#run = await readRun(this.#connections.lease).catch((error) => {
        this.#reconnected = true
        throw error
      })
    }
    if (former === undefined) await this.#renew('1')
    else if (this.#run !== former || (await this.#renew('0')) === 0) await this.#beginAnew()
  }

  /** Whoever could not reach Redis knows nothing of the others' leases. */
  #onTrouble(error: unknown): void {
    this.#connectedAt = this.#clock.monotonic()
    this.#onError(error)
  }

  async #renew(take: '0' | '1'): Promise<number> {
    const { lease } = this.#connections
    const keys = [this.#keys.leases, this.#keys.nodeConnections] as const
    const held = await lease.rcRenewLease(...keys, this.name, LEASE_MS, this.#connectionCount(), take)
    if (held === 1) this.#renewedAt = this.#clock.monotonic()
    return held
  }

  /** The old name counts as dead and is being buried: go on under a new one. */
  async #beginAnew(): Promise<void> {
    this.#incarnation++
    await this.#renew('1')
    this.#listener?.onLeaseLost()
  }

  async #sweepSafely(): Promise<void> {
    if (this.#sweeping || this.#clock.monotonic() - this.#connectedAt < LEASE_MS) return
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
    const { commands } = this.#connections
    for (;;) {
      const { leases, nodeConnections, dead, ended } = this.#keys
      const node = await commands.rcClaimDead(leases, nodeConnections, dead, ended, CLAIM_MS, ENDED_TTL_MS)
      if (node === null) return
      await this.#bury(node)
      await commands.zrem(dead, node)
    }
  }

  async #bury(node: string): Promise<void> {
    const { commands } = this.#connections
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    const rooms = await Promise.all(
      partitions.map((partition) => commands.smembers(this.#keys.nodeRooms(partition, node)))
    )
    for (const room of rooms.flat()) await this.#clearRoom(room, node)
    await Promise.all(partitions.map((partition) => this.#clearOnline(partition, node)))
  }

  async #clearRoom(room: string, node: string): Promise<void> {
    const keys = roomKeys(this.#keys, room, node)
    for (let left = 1; left > 0; ) {
      const [leftOver, users, ...userIds] = await this.#connections.commands.rcClearRoom(...keys, room, PAGE)
      left = leftOver
      this.#listener?.onDeparture({ room, userIds, users })
    }
  }

  async #clearOnline(partition: number, node: string): Promise<void> {
    const { commands } = this.#connections
    const keys = onlineKeys(this.#keys, partition, node)
    const connectionIds = await commands.hkeys(keys[1])
    for (let start = 0; start < connectionIds.length; start += PAGE) {
      const page = connectionIds.slice(start, start + PAGE)
      await commands.rcDisconnectUsers(...keys, this.#clock.now(), this.#seenTtlMs, ...page)
    }
  }
}
