import type { FastifyInstance } from 'fastify'
import { Keys } from '../../src/store/redis/keys.js'
import { SimulatedClient } from './client.js'
import { type Draft, Ledger } from './ledger.js'
import { SimulatedNode } from './node.js'
import { BEGINNING } from './node-clock.js'
import { SimulatedRedis } from './redis/simulated-redis.js'
import type { ScriptFaults } from './redis/stream-scripts.js'
import type { SeededRandom } from './seeded-random.js'
import { SimulatedTime } from './simulated-time.js'
import { realTurn } from './turns.js'
import { Violation } from './violation.js'

/** What is broken on purpose in a world: nothing, unless a test of the simulation says so. */
export interface Mutant {
  readonly name: string
  readonly scripts?: ScriptFaults
  /** Changes each node once its store is open. */
  readonly tamper?: (node: FastifyInstance) => void
  /** Changes the program; the returned function takes it back. */
  readonly install?: () => () => void
  /** Where the search for it begins: shortly before one that finds it, if that is rare. 1 without one. */
  readonly firstSeed?: number
}

const NODES = 3
/** A process that could not start is started again. */
const START_AGAIN_MS = 1000
/** While nothing is wrong, what is acknowledged is heard this soon. */
const PROMPT_MS = 1000
/** After the last fault the world counts as well when so much time is over: leases, looks at the tops, retries. */
const CONVALESCENCE_MS = 30_000

/** Three nodes on one Redis, and clients, in a time that only moves when it is run. */
export class World {
  readonly time = new SimulatedTime()
  readonly random: SeededRandom
  readonly redis: SimulatedRedis
  readonly ledger = new Ledger()
  readonly keys = new Keys('roomcast')
  readonly clients: SimulatedClient[] = []
  readonly rooms: readonly string[]
  readonly users: readonly string[]
  /** How slowly things follow on each other: where little happens, what was missed is not made up for by what comes next. */
  readonly pace: number
  /** What happened, for people. */
  readonly trace: string[] = []
  /** The first is what counts; what follows may follow from it. */
  readonly violations: string[] = []
  nodes: SimulatedNode[] = []
  /** When something was wrong last. */
  faultedAt = Number.NEGATIVE_INFINITY
  readonly #mutant: Mutant | undefined
  readonly #isDetailed: boolean
  readonly #pausedUntil = new Map<string, number>()
  #nodeCount = 0
  #messageCount = 0

  constructor(random: SeededRandom, { mutant, detailed = false }: { mutant?: Mutant | undefined; detailed?: boolean }) {
    this.random = random
    this.#mutant = mutant
    this.#isDetailed = detailed
    const now = () => BEGINNING + Math.floor(this.time.now)
    this.redis = new SimulatedRedis({ random: random.fork(), now, faults: mutant?.scripts })
    this.rooms = ['r', 's', 't'].slice(0, random.integer(1, 3))
    this.pace = random.pick([1, 1, 4])
    this.users = ['ann', 'bob', 'cat', 'dan'].slice(0, random.integer(2, 4))
  }

  /** How long something is on its way: mostly short, now and then long. */
  readonly latencyMs = (): number =>
    this.random.chance(0.05) ? this.random.between(5, 60) : this.random.between(0.1, 3)

  /** Opens the nodes, one beside the other. */
  async begin(): Promise<void> {
    await this.settle(Promise.all(Array.from({ length: NODES }, () => this.addNode())))
    for (let index = 0; index < this.random.integer(3, 5); index++) {
      this.clients.push(new SimulatedClient(this, `client-${index}`, this.random.pick(this.users)))
    }
    for (const client of this.clients) client.begin()
  }

  async addNode(): Promise<void> {
    const name = `node-${++this.#nodeCount}`
    const node = this.#newNode(name)
    try {
      await node.start()
    } catch (error) {
      this.tell(() => `${name} does not start: ${error}`)
      node.kill()
      // Whoever watches over the processes starts it again.
      this.time.after(START_AGAIN_MS, () => void this.addNode())
      return
    }
    this.nodes = [...this.nodes, node]
    this.tell(() => `${name} is up`)
  }

  #newNode(name: string): SimulatedNode {
    return new SimulatedNode({
      name,
      server: this.redis,
      time: this.time,
      random: this.random.fork(),
      latencyMs: this.latencyMs,
      onError: (error) => this.#onError(name, error),
      tamper: this.#mutant?.tamper
    })
  }

  /** Lets time go on until the promise is settled. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let isOver = false
    const over = () => {
      isOver = true
    }
    promise.then(over, over)
    const end = this.time.now + CONVALESCENCE_MS
    while (!isOver && this.time.now < end) {
      // What needs no event needs turns of the event loop.
      await realTurn()
      if (!isOver && this.time.nextAt < end) await this.time.step()
    }
    if (!isOver) throw new Violation('I9: what was asked is not answered')
    return await promise
  }

  /** Whether a node lets connections in. */
  accepts({ app }: SimulatedNode): boolean {
    return !app.live.draining
  }

  /** A node took its leave, in whatever way: its clients notice. */
  lost(node: SimulatedNode): void {
    this.nodes = this.nodes.filter((one) => one !== node)
    for (const client of this.clients) {
      if (client.node === node.name) this.time.after(this.latencyMs(), () => client.lose())
    }
  }

  pause(node: SimulatedNode, ms: number): void {
    node.pause()
    this.time.after(ms, () => {
      node.resume()
      this.#pausedUntil.set(node.name, this.time.now)
      this.faulted()
    })
  }

  /** When a node began to run again after it had stood still. */
  standstillAt({ name }: SimulatedNode): number {
    return this.#pausedUntil.get(name) ?? Number.NEGATIVE_INFINITY
  }

  faulted(): void {
    this.faultedAt = this.time.now
  }

  newMessageId(): string {
    return `m${++this.#messageCount}`
  }

  /** What is published just while somebody comes in is what is missed most easily (F38). */
  onJoining(room: string): void {
    if (!this.random.chance(0.3)) return
    const publisher = this.random.pick(this.clients)
    this.time.after(this.random.between(0, 15), () => publisher.publishTo(room))
  }

  /** While nothing is wrong, whoever is in the room has it soon. */
  onAcknowledged(draft: Draft): void {
    const begun = this.time.now
    if (begun - this.faultedAt < CONVALESCENCE_MS) return
    this.time.after(PROMPT_MS, () => {
      if (begun - this.faultedAt < CONVALESCENCE_MS) return
      for (const client of this.clients) if (client.settledAt <= begun) this.#checkPrompt(client, draft)
    })
  }

  /** Runs a judgement; what it throws is the world's failure. */
  guard(name: string, judge: () => void): void {
    try {
      judge()
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      this.fail(`${name}: ${error.message}`)
    }
  }

  fail(message: string): void {
    this.tell(() => `VIOLATION ${message}`)
    this.violations.push(message)
  }

  /** Writes a line into the trace. Details are left out unless somebody wants to read them. */
  tell(line: () => string, kind: 'event' | 'detail' = 'event'): void {
    if (kind === 'detail' && !this.#isDetailed) return
    this.trace.push(`${this.time.now.toFixed(1).padStart(9)} ${line()}`)
  }

  #checkPrompt(client: SimulatedClient, { id, channel, receipts }: Draft): void {
    const ear = client.ears.get(channel.slice('room:'.length))
    const offset = receipts[0]?.offset ?? 0
    if (ear === undefined || ear.begin >= offset || ear.offset >= offset) return
    this.fail(`I14: ${client.state} has not heard ${id} at ${channel} ${offset}, acknowledged ${PROMPT_MS} ms ago`)
  }

  /** A store that is away is no fault of the node's; anything that code cannot mean to throw is. */
  #onError(name: string, error: unknown): void {
    this.tell(() => `${name} reports ${String(error)}`)
    const isBug = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError
    if (isBug) this.fail(`I9: ${name}: ${error.stack}`)
  }
}
