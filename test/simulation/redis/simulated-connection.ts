import { EventEmitter } from 'node:events'
import { Deadlines } from '../../../src/deadlines.js'
import type { RedisConnection } from '../../../src/store/redis/connections.js'
import type { NodeClock } from '../node-clock.js'
import { Pipe } from '../pipe.js'
import type { Argument } from './commands.js'
import { ReplyError } from './database.js'
import type { RedisNetwork } from './redis-network.js'
import type { Reply } from './script.js'
import type { Peer } from './simulated-redis.js'

/** As `connections.ts` sets them. */
const COMMAND_TIMEOUT_MS = 2500
const CONNECT_TIMEOUT_MS = 5000

interface Pending {
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: Error) => void
  readonly stopTimer: () => void
}

interface Request {
  readonly name: string
  readonly args: readonly Argument[]
}

type Answer = { readonly reply: Reply } | { readonly error: Error }
type Arrival = { readonly push: readonly [topic: string, payload: Buffer] } | Answer

interface Link {
  readonly requests: Pipe<Request>
  readonly arrivals: Pipe<Arrival>
  readonly peer: Peer
}

/**
 * As much of ioredis' `Redis` as the server uses, with its habits: nothing is queued while it is not ready, and what was
 * under way when the connection broke is never answered but by its timeout.
 */
export class SimulatedConnection extends EventEmitter {
  readonly name: string
  status = 'wait'
  readonly #network: RedisNetwork
  readonly #clock: NodeClock
  readonly #timeouts: Deadlines
  #pending: Pending[] = []
  #link: Link | undefined
  #attempts = 0
  /** Counts the attempts to connect: what belongs to an earlier one is of no concern. */
  #era = 0

  constructor(name: string, network: RedisNetwork, clock: NodeClock) {
    super()
    this.setMaxListeners(0)
    this.name = name
    this.#network = network
    this.#clock = clock
    this.#timeouts = new Deadlines(clock, COMMAND_TIMEOUT_MS)
  }

  /** Resolves when it is ready; rejects where the first attempt fails. */
  async connect(): Promise<void> {
    return await new Promise((resolve, reject) => {
      this.once('ready', resolve)
      this.once('close', () => reject(new Error('Connection is closed.')))
      this.#open()
    })
  }

  disconnect(reconnect = false): void {
    this.#close(reconnect)
  }

  async quit(): Promise<'OK'> {
    this.#close(false)
    return 'OK'
  }

  /** Sends a command; `binary` gives what is text as bytes. */
  async send(name: string, args: readonly Argument[], binary = false): Promise<unknown> {
    if (this.status !== 'ready') throw new Error("Stream isn't writeable and enableOfflineQueue options is false")
    const reply = await this.#request(name, args)
    return binary ? asBytes(reply as Reply) : asText(reply as Reply)
  }

  multi(): Transaction {
    return new Transaction((request) => this.send('exec', request))
  }

  #request(name: string, args: readonly Argument[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const stopTimer = this.#timeouts.begin(() => reject(new Error('Command timed out')))
      this.#pending.push({ resolve, reject, stopTimer })
      this.#link?.requests.send({ name, args })
    })
  }

  #open(): void {
    const era = ++this.#era
    this.status = 'connecting'
    const stopTimer = this.#clock.after(CONNECT_TIMEOUT_MS, () => era === this.#era && this.#fail('connect ETIMEDOUT'))
    this.#network.reach((server) => {
      stopTimer()
      if (era !== this.#era) return
      if (!server.up) this.#fail('connect ECONNREFUSED')
      else this.#begin()
    })
  }

  #begin(): void {
    this.#link = this.#newLink()
    this.status = 'connect'
    this.emit('connect')
    const era = this.#era
    this.#request('info', []).then(
      () => era === this.#era && this.#becomeReady(),
      (error) => era === this.#era && this.#fail((error as Error).message)
    )
  }

  #becomeReady(): void {
    this.#attempts = 0
    this.status = 'ready'
    this.emit('ready')
  }

  #newLink(): Link {
    const { server, time, latencyMs } = this.#network
    const peer: Peer = {
      topics: new Set(),
      ended: false,
      push: (topic, payload) => {
        if (!this.#network.swallowsPush(this.name)) arrivals.send({ push: [topic, payload] })
      },
      reset: () => this.#network.notice(() => this.#lose(link))
    }
    const arrivals = new Pipe<Arrival>({ time, latencyMs, deliver: (arrival) => this.#take(arrival) })
    const requests = new Pipe<Request>({
      time,
      latencyMs,
      deliver: (request) => server.whenAwake(() => this.#serve(link, request))
    })
    const link = { requests, arrivals, peer }
    server.attach(peer)
    this.#network.add(link, this)
    return link
  }

  /** On the server's side. */
  #serve(link: Link, { name, args }: Request): void {
    if (link.peer.ended) return
    const answer = this.#answer(link.peer, name, args)
    if (this.#network.losesReply(this.name, name)) this.#network.cut(this)
    else link.arrivals.send(answer)
  }

  #answer(peer: Peer, name: string, args: readonly Argument[]): Answer {
    const { server } = this.#network
    try {
      if (name === 'subscribe') for (const topic of args) peer.topics.add(String(topic))
      else if (name === 'unsubscribe') for (const topic of args) peer.topics.delete(String(topic))
      else if (name === 'exec')
        return { reply: (args as unknown as Request[]).map((one) => server.execute(one.name, one.args)) }
      else return { reply: server.execute(name, args) }
      return { reply: peer.topics.size }
    } catch (error) {
      if (error instanceof ReplyError) return { error }
      throw error
    }
  }

  #take(arrival: Arrival): void {
    if ('push' in arrival) {
      const [topic, payload] = arrival.push
      this.emit('messageBuffer', Buffer.from(topic), payload)
      return
    }
    const pending = this.#pending.shift()
    pending?.stopTimer()
    if ('error' in arrival) pending?.reject(arrival.error)
    else pending?.resolve(arrival.reply)
  }

  /** The other side, or what lies between, ended the connection. */
  #lose(link: Link): void {
    if (this.#link === link) this.#close(true)
  }

  #fail(message: string): void {
    this.emit('error', new Error(message))
    this.#close(true)
  }

  #close(reconnect: boolean): void {
    if (this.status === 'end' || (reconnect && this.status === 'reconnecting')) return
    this.#era++
    if (this.#link !== undefined) this.#network.drop(this.#link)
    this.#link = undefined
    // Those wait for their timeouts: nobody else tells them.
    const pending = this.#pending
    this.#pending = []
    this.status = 'close'
    this.emit('close')
    if (reconnect) this.#openLater()
    else this.#end(pending)
  }

  #openLater(): void {
    this.status = 'reconnecting'
    this.#attempts++
    const era = this.#era
    const delayMs = Math.min(50 * 2 ** Math.min(this.#attempts, 5), 1000) + this.#network.latencyMs()
    this.#clock.after(delayMs, () => era === this.#era && this.#open())
  }

  #end(pending: readonly Pending[]): void {
    this.status = 'end'
    for (const { stopTimer, reject } of pending) {
      stopTimer()
      reject(new Error('Connection is closed.'))
    }
    this.emit('end')
  }
}

/** `MULTI`: one request with all its commands. */
class Transaction {
  readonly #send: (requests: readonly Argument[]) => Promise<unknown>
  readonly #requests: Request[] = []

  constructor(send: (requests: readonly Argument[]) => Promise<unknown>) {
    this.#send = send
  }

  hset(...args: Argument[]): this {
    return this.#add('hset', args)
  }

  pexpire(...args: Argument[]): this {
    return this.#add('pexpire', args)
  }

  async exec(): Promise<Array<[error: null, reply: unknown]>> {
    const replies = (await this.#send(this.#requests as unknown as Argument[])) as unknown[]
    return replies.map((reply) => [null, reply])
  }

  #add(name: string, args: readonly Argument[]): this {
    this.#requests.push({ name, args })
    return this
  }
}

/** The connection with every command that the server it belongs to knows as a method, as ioredis has them. */
export function asRedisConnection(connection: SimulatedConnection, network: RedisNetwork): RedisConnection {
  return new Proxy(connection, {
    get(target, property) {
      const own = Reflect.get(target, property, target) as unknown
      if (own !== undefined || typeof property === 'symbol') return typeof own === 'function' ? own.bind(target) : own
      const binary = property.endsWith('Buffer')
      const name = binary ? property.slice(0, -'Buffer'.length) : property
      if (name !== 'subscribe' && name !== 'unsubscribe' && !network.server.knows(name)) return undefined
      return async (...args: Argument[]) => {
        const reply = await target.send(name, args.flat(), binary)
        return name === 'hgetall' ? pairsOf(reply as string[]) : reply
      }
    }
  }) as unknown as RedisConnection
}

function pairsOf(reply: readonly string[]): Record<string, string> {
  const pairs = Array.from({ length: reply.length / 2 }, (_, index) => [reply[2 * index], reply[2 * index + 1]])
  return Object.fromEntries(pairs) as Record<string, string>
}

function asText(reply: Reply): unknown {
  if (Array.isArray(reply)) return reply.map(asText)
  return Buffer.isBuffer(reply) ? reply.toString() : reply
}

function asBytes(reply: Reply): unknown {
  if (Array.isArray(reply)) return reply.map(asBytes)
  return typeof reply === 'string' ? Buffer.from(reply) : reply
}
