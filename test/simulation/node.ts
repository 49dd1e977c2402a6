import { readdir } from 'node:fs/promises'
import path from 'node:path'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { RoomcastOptions } from '../../src/app.js'
import { type Config, parseConfig } from '../../src/config.js'
import { moduleExtension } from '../support/root.js'
import { BEGINNING, NodeClock } from './node-clock.js'
import { RedisNetwork, type RedisNetworkOptions } from './redis/redis-network.js'
import type { SeededRandom } from './seeded-random.js'

/** They look outward, and nobody is there. */
const left = ['auth', 'docs', 'message-queue', 'metrics', 'stats']

interface Plugin extends FastifyPluginAsync<RoomcastOptions> {
  readonly [meta]: { readonly name: string; readonly dependencies?: readonly string[] }
}

const meta = Symbol.for('plugin-meta')
const plugins = inOrder(await loadPlugins())
const config: Config = parseConfig({
  LOG_LEVEL: 'error',
  PORT: 0,
  REDIS_URL: 'redis://simulated',
  PRESENCE_GRACE: 3,
  HEARTBEAT_INTERVAL: 10,
  HEARTBEAT_TIMEOUT: 15,
  RATE_LIMIT_PER_SECOND: 1000,
  RATE_LIMIT_BURST: 1000
})

export interface SimulatedNodeOptions extends Omit<RedisNetworkOptions, 'random'> {
  readonly name: string
  readonly random: SeededRandom
  /** Something failed in the background, and was told to nobody. */
  readonly onError: (error: unknown) => void
  /** Changes the node once its store is open: a fault that is planted. */
  readonly tamper?: ((node: FastifyInstance) => void) | undefined
}

/** One server process: the plugins as they are, on a clock, a chance and a Redis that are not real. */
export class SimulatedNode {
  readonly name: string
  readonly network: RedisNetwork
  readonly clock: NodeClock
  readonly #options: SimulatedNodeOptions
  #app: FastifyInstance | undefined
  #state: 'up' | 'down' | 'paused' = 'down'
  #onResume: Array<() => void> = []

  constructor(options: SimulatedNodeOptions) {
    this.name = options.name
    this.#options = options
    this.clock = new NodeClock(options.time, BEGINNING)
    this.network = new RedisNetwork(options)
  }

  get app(): FastifyInstance {
    if (this.#app === undefined) throw new Error(`${this.name} is not up`)
    return this.#app
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const app = Fastify({ loggerInstance: loggerTo(this.#options.onError) })
    const openRedis = () => this.network.connect(this.clock)
    const options = { settings: config, clock: this.clock, random: this.#options.random, openRedis }
    for (const plugin of plugins) {
      app.register(plugin, options)
      if (plugin[meta].name === 'store') app.register(fp(async () => this.#options.tamper?.(app)))
    }
    await app.ready()
    this.#app = app
    this.#state = 'up'
  }

  /** As `kill -9`: it says goodbye to nobody. */
  kill(): void {
    this.#state = 'down'
    this.clock.end()
    this.network.kill()
  }

  /** As SIGTERM: resolves when it is gone. */
  async stop(): Promise<void> {
    this.#state = 'down'
    await this.app.close()
    this.kill()
  }

  /** As SIGSTOP: what comes in waits in its sockets. */
  pause(): void {
    this.#state = 'paused'
    this.clock.pause()
    this.network.hold()
  }

  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'up'
    this.clock.resume()
    this.network.unhold()
    const tasks = this.#onResume
    this.#onResume = []
    for (const task of tasks) task()
  }

  /** Runs at once, or when it is not paused any more. */
  whenRunning(task: () => void): void {
    if (this.#state === 'paused') this.#onResume.push(task)
    else task()
  }
}

async function loadPlugins(): Promise<Plugin[]> {
  const folder = new URL('../../plugins/', import.meta.url)
  const files = (await readdir(folder)).filter((file) => path.extname(file) === moduleExtension)
  const names = files.map((file) => path.parse(file).name).filter((name) => !left.includes(name))
  return await Promise.all(names.sort().map(async (name) => (await import(`${folder}${name}.js`)).default as Plugin))
}

/** Each after those that it depends on. */
function inOrder(unordered: readonly Plugin[]): Plugin[] {
  const ordered = new Map<string, Plugin>()
  const place = (plugin: Plugin) => {
    const { name, dependencies = [] } = plugin[meta]
    for (const needed of unordered.filter((one) => dependencies.includes(one[meta].name))) place(needed)
    ordered.set(name, plugin)
  }
  for (const plugin of unordered) place(plugin)
  return [...ordered.values()]
}

function loggerTo(onError: (error: unknown) => void): FastifyBaseLogger {
  const ignore = () => {}
  const logger = {
    level: 'error',
    error: ({ err }: { err?: unknown }) => onError(err),
    fatal: ({ err }: { err?: unknown }) => onError(err),
    warn: ignore,
    info: ignore,
    debug: ignore,
    trace: ignore,
    silent: ignore,
    child: () => logger
  }
  return logger as unknown as FastifyBaseLogger
}
