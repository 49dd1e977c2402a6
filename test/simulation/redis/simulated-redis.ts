import { createHash } from 'node:crypto'
import { scripts } from '../../../src/store/redis/scripts.js'
import { publishScript } from '../../../src/store/redis/stream-scripts.js'
import type { SeededRandom } from '../seeded-random.js'
import { type Argument, commands } from './commands.js'
import { Database, ReplyError } from './database.js'
import { nodeScripts } from './node-scripts.js'
import { presenceScripts } from './presence-scripts.js'
import type { NativeScript, Reply } from './script.js'
import { sessionScripts } from './session-scripts.js'
import { type ScriptFaults, streamScripts } from './stream-scripts.js'
import { userScripts } from './user-scripts.js'

export interface SimulatedRedisOptions {
  readonly random: SeededRandom
  /** Its wall clock, in milliseconds since 1970. */
  readonly now: () => number
  readonly faults?: ScriptFaults | undefined
}

/** One connection as the server sees it. */
export interface Peer {
  readonly topics: Set<string>
  /** The server it spoke to is no more: what comes from it now reaches nobody. */
  ended: boolean
  push(topic: string, payload: Buffer): void
  /** The server ends the connection. */
  reset(): void
}

/** What a restart begins with. */
export type StartsWith = 'everything' | 'snapshot' | 'nothing'

const soundScripts: ScriptFaults = { forgetsReceipts: false, neverForks: false }

/** One Redis in memory: its data, its run id, its pub/sub, and what may befall it. */
export class SimulatedRedis {
  readonly #random: SeededRandom
  readonly #peers = new Set<Peer>()
  /** By the SHA-1 of their Lua text, as `EVALSHA` names them. */
  readonly #loadable: ReadonlyMap<string, NativeScript>
  readonly #scripts: Record<string, NativeScript>
  #loaded = new Set<string>()
  #db: Database
  #snapshot: Database
  #run: string
  #up = true
  /** Requests that came while it was frozen. */
  #frozen: Array<() => void> | undefined

  constructor({ random, now, faults = soundScripts }: SimulatedRedisOptions) {
    this.#random = random
    const { publish, ...streams } = streamScripts(faults)
    this.#scripts = { ...streams, ...presenceScripts, ...sessionScripts, ...nodeScripts, ...userScripts }
    this.#loadable = new Map(publish === undefined ? [] : [[sha1(publishScript), publish]])
    this.#db = new Database(now)
    this.#snapshot = this.#db.copy()
    this.#run = this.#newRun()
  }

  /** What it holds, to look at from outside. */
  get db(): Database {
    return this.#db
  }

  get up(): boolean {
    return this.#up
  }

  /** Whether a connection may send this, beside `multi`, `subscribe` and `unsubscribe`. */
  knows(name: string): boolean {
    return name in commands || name in this.#scripts || ['info', 'script', 'evalsha', 'publish'].includes(name)
  }

  attach(peer: Peer): void {
    this.#peers.add(peer)
  }

  detach(peer: Peer): void {
    this.#peers.delete(peer)
  }

  /** Calls back at once, or when it is not frozen any more; never where it dies before. */
  whenAwake(task: () => void): void {
    if (this.#frozen === undefined) task()
    else this.#frozen.push(task)
  }

  /** Throws `ReplyError`. */
  execute(name: string, args: readonly Argument[]): Reply {
    if (name === 'info') return `# Server\r\nredis_version:7.0.15\r\nrun_id:${this.#run}\r\n`
    if (name === 'script') return this.#load(String(args[1]))
    if (name === 'evalsha') return this.#evaluate(args)
    if (name === 'publish') return this.#publish(String(args[0]), Buffer.from(args[1] as string | Buffer))
    const script = this.#scripts[name]
    if (script !== undefined) {
      const count = numberOfKeys(name)
      return this.#call(script, count === undefined ? args : [count, ...args])
    }
    const command = commands[name]
    if (command === undefined) throw new ReplyError(`ERR unknown command '${name}'`)
    return command(this.#db, ...args)
  }

  /** Remembers everything, for a restart that begins there. */
  save(): void {
    this.#snapshot = this.#db.copy()
  }

  /** Ends, with all its connections, and what it has not answered. */
  kill(): void {
    this.#up = false
    this.#frozen = undefined
    for (const peer of [...this.#peers]) {
      peer.ended = true
      peer.reset()
    }
    this.#peers.clear()
    this.#loaded = new Set()
  }

  /** Begins again after `kill`, as another run. */
  start(startsWith: StartsWith): void {
    this.#up = true
    this.#run = this.#newRun()
    if (startsWith === 'nothing') this.#db.clear()
    if (startsWith === 'snapshot') this.#db = this.#snapshot.copy()
  }

  flushAll(): void {
    this.#db.clear()
  }

  flushScripts(): void {
    this.#loaded = new Set()
  }

  freeze(): void {
    this.#frozen ??= []
  }

  thaw(): void {
    const tasks = this.#frozen ?? []
    this.#frozen = undefined
    for (const task of tasks) task()
  }

  #load(lua: string): string {
    const sha = sha1(lua)
    this.#loaded.add(sha)
    return sha
  }

  #evaluate([sha, ...rest]: readonly Argument[]): Reply {
    const script = this.#loadable.get(String(sha))
    if (script === undefined || !this.#loaded.has(String(sha))) {
      throw new ReplyError('NOSCRIPT No matching script. Please use EVAL.')
    }
    return this.#call(script, rest)
  }

  /** The number of keys comes first. */
  #call(script: NativeScript, [count, ...rest]: readonly Argument[]): Reply {
    const keys = rest.slice(0, Number(count)).map(String)
    const argv = rest.slice(Number(count)).map((argument) => (Buffer.isBuffer(argument) ? argument : String(argument)))
    return script({ db: this.#db, keys, argv, publish: (topic, payload) => this.#publish(topic, payload) })
  }

  #publish(topic: string, payload: Buffer): number {
    const hearing = [...this.#peers].filter(({ topics }) => topics.has(topic))
    for (const peer of hearing) peer.push(topic, payload)
    return hearing.length
  }

  #newRun(): string {
    return this.#random.bytes(20).toString('hex')
  }
}

/** How many keys a script takes; undefined where the call says so. */
function numberOfKeys(name: string): number | undefined {
  const known: Readonly<Record<string, { readonly lua: string; readonly numberOfKeys?: number }>> = scripts
  return known[name]?.numberOfKeys
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}
