import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { createHttpServer } from '../../src/app.js'
import { type Config, parseConfig } from '../../src/config.js'
import type { RedisConnections } from '../../src/store/redis/connections.js'
import { Keys } from '../../src/store/redis/keys.js'
import type { RedisNodes } from '../../src/store/redis/redis-nodes.js'
import { ManualClock } from '../support/manual-clock.js'
import { until } from '../support/until.js'

export type StoreName = 'memory' | 'disk' | 'redis'

export interface HostOptions {
  readonly store: StoreName
  readonly settings: Partial<Config>
  /** Where `store` is Redis. */
  readonly redisUrl?: string | undefined
}

/** Turns of the event loop in which everything that needs no store comes to rest. */
const TURNS = 6
const MARKER = 'marker'
const FOR_EVER_MS = 100_000_000_000

/** The server under test, with a clock that only the test moves. */
export class Host {
  readonly #options: HostOptions
  readonly #prefix = `model-${randomUUID().slice(0, 8)}`
  readonly #keys = new Keys(this.#prefix)
  readonly #folders: string[] = []
  #clock: ManualClock
  #app: FastifyInstance | undefined
  /** The node that was killed or ended last. */
  #dead = ''

  constructor(options: HostOptions) {
    this.#options = options
    // Redis judges the leases of nodes by its own clock: the two begin together.
    this.#clock = new ManualClock(options.store === 'redis' ? Date.now() : undefined)
  }

  get app(): FastifyInstance {
    if (this.#app === undefined) throw new Error('not started')
    return this.#app
  }

  get clock(): ManualClock {
    return this.#clock
  }

  get store(): StoreName {
    return this.#options.store
  }

  async start(): Promise<void> {
    if (this.store === 'disk') await this.#newFolder()
    this.#app = await this.#open()
  }

  async stop(): Promise<void> {
    await this.#app?.close()
    await Promise.all(this.#folders.map((folder) => rm(folder, { recursive: true, force: true })))
  }

  /** Ends the server as an administrator does, and starts it anew on what it left. */
  async restart(): Promise<void> {
    if (this.store === 'redis') this.#dead = nodesOf(this.app).name
    await this.app.close()
    this.#clock = new ManualClock(this.#clock.now())
    this.#app = await this.#open()
  }

  /** The members of the node that ended have not come back: Redis, which judges by its own clock, buries them from now on. */
  async endGrace(): Promise<void> {
    await this.#redisOf(this.app).commands.zadd(this.#keys.dead, 'XX', Date.now() - 1, this.#dead)
  }

  /** What the dead node's sessions are judged by: the end of its lease, by the clock that the test moves. */
  async dateEnd(at: number): Promise<void> {
    if (this.store === 'redis') await this.#redisOf(this.app).commands.zadd(this.#keys.ended, at, this.#dead)
  }

  /**
   * Starts another server on what this one has in its store right now, as after `kill -9`. Answers since when its
   * sessions count as left.
   */
  async crash(): Promise<number> {
    const old = this.app
    const since = this.#clock.now()
    if (this.store === 'disk') await this.#copyFolder()
    if (this.store === 'redis') await this.#endLease(old)
    // Nobody moves the old clock any more: what hung on it never happens.
    this.#clock = new ManualClock(this.#clock.now())
    this.#app = await this.#open()
    await old.close()
    return since
  }

  /** Resolves when what was under way has come to rest, as far as anyone can tell. `rounds` answers one after another. */
  async settle(rounds = this.store === 'redis' ? 3 : 2): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      if (this.store === 'redis') await this.#askRedis()
      if (this.store === 'disk') await this.#writeMarker()
      for (let turn = 0; turn < TURNS; turn++) await setImmediate()
    }
  }

  /** One round trip on every connection: answers and messages come in the order of what asked for them. */
  async #askRedis(): Promise<void> {
    const { commands, lease, subscriber } = this.#redisOf(this.app)
    await Promise.all([commands.time(), lease.time()])
    await subscriber.time()
  }

  /** Records are written in the order in which they change. */
  async #writeMarker(): Promise<void> {
    await this.app.store.removals.record(MARKER, MARKER)
  }

  async #open(): Promise<FastifyInstance> {
    const { settings, redisUrl, store } = this.#options
    const place =
      store === 'redis'
        ? { REDIS_URL: redisUrl, REDIS_PREFIX: this.#prefix }
        : { DATA_DIR: store === 'disk' ? this.#folders.at(-1) : 'memory' }
    const app = createHttpServer(
      parseConfig({ LOG_LEVEL: 'fatal', PORT: 0, DRAIN_SECONDS: 0, ...settings, ...place } as never),
      {
        clock: this.#clock
      }
    )
    await app.ready()
    if (store === 'redis') await this.#holdLease(app)
    return app
  }

  async #newFolder(): Promise<string> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-model-'))
    this.#folders.push(folder)
    return folder
  }

  async #copyFolder(): Promise<void> {
    const from = this.#folders.at(-1) ?? ''
    const to = await this.#newFolder()
    await mkdir(to, { recursive: true })
    await copyFile(path.join(from, 'roomcast.mdb'), path.join(to, 'roomcast.mdb'))
  }

  /** Redis judges leases by its own clock, and the test moves the nodes': it lives until the test says no. */
  async #holdLease(app: FastifyInstance): Promise<void> {
    const { commands, lease } = this.#redisOf(app)
    const renew = lease.rcRenewLease.bind(lease)
    const { now } = this.#clock
    lease.rcRenewLease = async (leases = '', connections = '', node = '', _leaseMs, count = 0) => {
      const [held] = await renew(leases, connections, node, FOR_EVER_MS, count)
      return [held, now()]
    }
    const claim = commands.rcClaimDead.bind(commands)
    commands.rcClaimDead = (...args) => claim(...args.slice(0, 6), FOR_EVER_MS, ...args.slice(7))
    // As after a reconnect: it renews, and takes the time that it is told.
    lease.emit('ready')
    await until(() => nodesOf(app).nowMs === now())
    await commands.zadd(this.#keys.leases, Date.now() + FOR_EVER_MS, nodesOf(app).name)
  }

  /** The node falls silent: its lease ends, and it cannot say goodbye. */
  async #endLease(app: FastifyInstance): Promise<void> {
    const { commands, lease, subscriber } = this.#redisOf(app)
    lease.disconnect()
    this.#dead = nodesOf(app).name
    await commands.zadd(this.#keys.leases, Date.now() - 1, this.#dead)
    for (const connection of [commands, subscriber]) connection.disconnect()
  }

  #redisOf(app: FastifyInstance): RedisConnections {
    // The namespaces that plugins/redis.ts registered are these three.
    return app.redis as unknown as RedisConnections
  }
}

function nodesOf(app: FastifyInstance): RedisNodes {
  return app.store.nodes as RedisNodes
}
