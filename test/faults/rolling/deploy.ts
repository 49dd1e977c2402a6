import { setTimeout as sleep } from 'node:timers/promises'
import type { Scope } from '../../support/scope.js'
import { request } from '../../support/server.js'
import type { ServerProcess } from '../../support/server-process.js'
import { until } from '../../support/until.js'
import { Tally } from '../jitter/tally.js'
import { Latencies } from '../support/latencies.js'
import type { Random } from '../support/random.js'
import { Balancer } from './balancer.js'
import { RollingClient } from './client.js'

export interface RollingOptions {
  readonly startNode: () => Promise<ServerProcess>
  readonly clients: number
  readonly rooms: number
  /** Messages a second in each room. */
  readonly rate: number
  readonly drainMs: number
  readonly random: Random
}

export interface RollingOutcome {
  readonly faults: readonly string[]
  readonly published: number
  readonly delivered: number
  readonly expected: number
  /** Of each client the longest time without a live connection, in milliseconds. */
  readonly gaps: Latencies
  readonly gapMaxMs: number
  /** From the signal to the exit of each node. */
  readonly endsMs: readonly number[]
  /** Most connections that were opened within one slot. */
  readonly opensPerSlot: number
  readonly latency: string
  /** What else the clients told: nothing, where all of them were connected all the time. */
  readonly outcomes: string
}

const SLOTS = 10
const CONNECTING_MAX = 50
const SETTLED_MS = 1000

/** Two nodes behind a balancer, both replaced one after the other while everybody talks. */
export async function runRolling(scope: Scope, options: RollingOptions): Promise<RollingOutcome> {
  const deploy = new Deploy(scope, options)
  await deploy.begin()
  await deploy.replaceAll()
  return await deploy.judge()
}

interface Member {
  readonly name: string
  readonly room: string
  readonly rolling: RollingClient
}

class Deploy {
  readonly #scope: Scope
  readonly #options: RollingOptions
  readonly #balancer: Balancer
  readonly #tally = new Tally()
  readonly #faults: string[] = []
  readonly #opens: number[] = []
  readonly #ends: number[] = []
  readonly #tops = new Map<string, number>()
  #nodes: ServerProcess[] = []
  #members: Member[] = []
  #publishing: Promise<number[]> = Promise.resolve([])
  #publishes = true
  /** From here on nobody comes or goes. */
  #settled = false

  constructor(scope: Scope, options: RollingOptions) {
    this.#scope = scope
    this.#options = options
    this.#balancer = new Balancer(scope, options.random)
  }

  async begin(): Promise<void> {
    const { startNode, clients, rooms } = this.#options
    this.#nodes = await Promise.all([startNode(), startNode()])
    for (const node of this.#nodes) this.#balancer.add(node)
    this.#members = Array.from({ length: clients }, (_, n) => this.#createMember(`client${n}`, `room${n % rooms}`))
    for (let start = 0; start < clients; start += CONNECTING_MAX) {
      await Promise.all(this.#members.slice(start, start + CONNECTING_MAX).map((member) => this.#enter(member)))
    }
    this.#publishing = Promise.all(Array.from({ length: rooms }, (_, n) => this.#publish(`room${n}`)))
    // What the joins brought has been told by then.
    await sleep(SETTLED_MS)
    this.#settled = true
    this.#opens.length = 0
  }

  /** A new one first, then the old one is asked to end. */
  async replaceAll(): Promise<void> {
    for (const old of [...this.#nodes]) {
      const fresh = await this.#options.startNode()
      this.#balancer.add(fresh)
      this.#nodes = [...this.#nodes.filter((node) => node !== old), fresh]
      const begun = performance.now()
      const { code } = await old.end('SIGTERM')
      this.#balancer.remove(old)
      this.#ends.push(performance.now() - begun)
      if (code !== 0) this.#faults.push(`a node ended with ${code}: ${old.output().slice(-500)}`)
    }
    await sleep(SETTLED_MS)
  }

  async judge(): Promise<RollingOutcome> {
    this.#publishes = false
    const published = (await this.#publishing).reduce((sum, count) => sum + count, 0)
    await this.#untilAllHeard()
    await this.#checkPresence()
    const gaps = new Latencies()
    const longest = this.#members.map(({ rolling }) => Math.max(0, ...rolling.gaps))
    for (const gap of longest) gaps.add(gap)
    this.#checkOutcomes()
    const opensPerSlot = this.#busiestSlot()
    if (opensPerSlot > this.#opensPerSlotMax) this.#faults.push(`I14: ${opensPerSlot} connections in one slot`)
    return {
      ...{ faults: [...this.#faults, ...this.#tally.violations], published, gaps, opensPerSlot, endsMs: this.#ends },
      delivered: this.#tally.delivered,
      expected: this.#members.reduce((sum, { room }) => sum + (this.#tops.get(room) ?? 0), 0),
      gapMaxMs: Math.max(...longest),
      latency: this.#tally.live.describe(),
      outcomes: [...this.#tally.outcomes].map(([name, count]) => `${name} ${count}`).join(', ')
    }
  }

  #createMember(name: string, room: string): Member {
    const rolling = new RollingClient({
      pick: this.#balancer.pick,
      userId: name,
      onMessage: (message) => this.#tally.hear(name, message),
      onOpen: () => this.#opens.push(performance.now()),
      onOutcome: (outcome) => {
        if (this.#settled) this.#tally.count(outcome)
      }
    })
    this.#scope.teardown(() => void rolling.client.close())
    return { name, room, rolling }
  }

  async #enter({ name, room, rolling }: Member): Promise<void> {
    rolling.client.connect()
    await rolling.client.join(room)
    this.#tally.back(name, [room])
  }

  /** By the package, too: what is under way when its node ends is published again under the same id. */
  async #publish(room: string): Promise<number> {
    const pick = this.#balancer.pick
    const own = new RollingClient({
      ...{ pick, userId: `publisher-${room}` },
      ...{ onMessage: () => {}, onOutcome: () => {} }
    })
    this.#scope.teardown(() => void own.client.close())
    own.client.connect()
    let count = 0
    while (this.#publishes) {
      const messageId = `${room} ${++count}`
      const { offset } = await own.client.publish(room, { sentAt: performance.now() }, { messageId })
      if (offset !== count) this.#faults.push(`I3: ${messageId} was acknowledged at ${offset}`)
      this.#tops.set(room, count)
      await sleep(1000 / this.#options.rate)
    }
    return count
  }

  async #untilAllHeard(): Promise<void> {
    const late = () =>
      this.#members.filter(({ name, room }) => !this.#tally.isComplete(name, room, this.#tops.get(room) ?? 0))
    await until(
      () => late().length,
      (count) => count === 0,
      30_000
    ).catch(() => {})
    for (const { name, room } of late()) this.#faults.push(`I1: ${name} has not heard all of ${room}`)
    for (const { name, rolling } of this.#members) {
      if (rolling.client.state !== 'connected') this.#faults.push(`I14: ${name} is ${rolling.client.state}`)
    }
  }

  async #checkPresence(): Promise<void> {
    for (const { url } of this.#nodes) {
      for (const room of this.#tops.keys()) {
        const expected = this.#members.filter((member) => member.room === room).length
        const { body } = await request(`${url}/rooms/${encodeURIComponent(room)}/online`)
        if (body.online_count !== expected) this.#faults.push(`I6: ${room} counts ${body.online_count} of ${expected}`)
      }
    }
  }

  #checkOutcomes(): void {
    const { outcomes, repeated } = this.#tally
    for (const [outcome, count] of outcomes) {
      if (outcome !== 'resumed true') this.#faults.push(`${count} times ${outcome}`)
    }
    if (repeated > 0) this.#faults.push(`I3: ${repeated} messages were handed on twice`)
  }

  /**
   * No node has more connections than there are, and the last slot is for those who are late. A time as long as a slot may
   * take in the end of one and the beginning of the next, and so all of two shares.
   */
  get #opensPerSlotMax(): number {
    const { clients, rooms } = this.#options
    return 2 * Math.ceil((clients + rooms) / (SLOTS - 1))
  }

  #busiestSlot(): number {
    const slotMs = this.#options.drainMs / SLOTS
    let busiest = 0
    let start = 0
    for (const [index, at] of this.#opens.entries()) {
      while (at - (this.#opens[start] as number) >= slotMs) start++
      busiest = Math.max(busiest, index - start + 1)
    }
    return busiest
  }
}
