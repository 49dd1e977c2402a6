import type { RedisConnections } from '../../../src/store/redis/connections.js'
import type { NodeClock } from '../node-clock.js'
import type { SeededRandom } from '../seeded-random.js'
import type { SimulatedTime } from '../simulated-time.js'
import { asRedisConnection, SimulatedConnection } from './simulated-connection.js'
import type { Peer, SimulatedRedis } from './simulated-redis.js'

interface Direction {
  hold(): void
  release(): void
  cut(): void
}

interface Link {
  readonly requests: Direction
  readonly arrivals: Direction
  readonly peer: Peer
}

export interface RedisNetworkOptions {
  readonly server: SimulatedRedis
  readonly time: SimulatedTime
  readonly random: SeededRandom
  readonly latencyMs: () => number
}

/** What lies between one node and Redis, and what may befall it. */
export class RedisNetwork {
  readonly server: SimulatedRedis
  readonly time: SimulatedTime
  readonly latencyMs: () => number
  readonly #random: SeededRandom
  readonly #links = new Map<Link, SimulatedConnection>()
  #connections: SimulatedConnection[] = []
  #partitioned = false
  /** What happens when the two sides see each other again. */
  #atHeal: Array<() => void> = []
  #pushLoss = 0
  #repliesToLose = 0

  constructor({ server, time, random, latencyMs }: RedisNetworkOptions) {
    this.server = server
    this.time = time
    this.latencyMs = latencyMs
    this.#random = random
  }

  /** Opens the connections of a node, as `connectRedis` does. */
  async connect(clock: NodeClock): Promise<RedisConnections> {
    const names = ['commands', 'subscriber', 'lease', 'ingest'] as const
    this.#connections = names.map((name) => new SimulatedConnection(name, this, clock))
    for (const connection of this.#connections) connection.on('error', () => {})
    await Promise.all(this.#connections.map((connection) => connection.connect()))
    const named = this.#connections.map((connection) => [connection.name, asRedisConnection(connection, this)])
    return Object.fromEntries(named) as RedisConnections
  }

  /** Nothing gets through, in either direction; no end notices but by its patience. */
  partition(): void {
    this.#partitioned = true
    for (const { requests, arrivals } of this.#links.keys()) {
      requests.hold()
      arrivals.hold()
    }
  }

  heal(): void {
    this.#partitioned = false
    for (const { requests, arrivals } of [...this.#links.keys()]) {
      requests.release()
      arrivals.release()
    }
    const tasks = this.#atHeal
    this.#atHeal = []
    for (const task of tasks) task()
  }

  /** This share of pub/sub messages is lost on the way, and nobody notices. */
  losePushes(share: number): void {
    this.#pushLoss = share
  }

  /** The next commands are executed, but their connection is cut before the reply. */
  loseReplies(count: number): void {
    this.#repliesToLose = count
  }

  /** Cuts the connections with these names. What was on its way to Redis may still come there, or not. */
  cutAll(names: readonly string[]): void {
    for (const connection of this.#connections) if (names.includes(connection.name)) this.cut(connection)
  }

  cut(connection: SimulatedConnection): void {
    for (const [link, its] of this.#links) {
      if (its !== connection) continue
      this.#sever(link)
      this.notice(link.peer.reset)
    }
  }

  /** The node is gone, and all its connections with it. */
  kill(): void {
    for (const link of [...this.#links.keys()]) this.#sever(link)
    this.#connections = []
    this.#atHeal = []
  }

  /** Calls back when a connection has found the server, or that nothing listens there. */
  reach(arrived: (server: SimulatedRedis) => void): void {
    this.time.after(this.latencyMs(), () => {
      if (this.#partitioned) this.#atHeal.push(() => arrived(this.server))
      else arrived(this.server)
    })
  }

  /** An end of a connection is noticed on this side when it gets through. */
  notice(task: () => void): void {
    this.time.after(this.latencyMs(), () => {
      if (this.#partitioned) this.#atHeal.push(task)
      else task()
    })
  }

  add(link: Link, connection: SimulatedConnection): void {
    this.#links.set(link, connection)
  }

  /** This side ended it: the other side may still get what was sent before. */
  drop(link: Link): void {
    this.#sever(link)
  }

  swallowsPush(name: string): boolean {
    return name === 'subscriber' && this.#pushLoss > 0 && this.#random.chance(this.#pushLoss)
  }

  losesReply(name: string, command: string): boolean {
    if (this.#repliesToLose === 0 || name !== 'commands' || command === 'info') return false
    this.#repliesToLose--
    return true
  }

  #sever(link: Link): void {
    this.#links.delete(link)
    link.arrivals.cut()
    if (this.#random.chance(0.5)) link.requests.cut()
    else link.requests.release()
    this.server.detach(link.peer)
  }
}
