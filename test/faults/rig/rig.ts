import { RestartableRedis } from '../../store/restartable-redis.js'
import type { Scope } from '../../support/scope.js'
import { builtServer, type Environment, type ServerProcess, startServerProcess } from '../../support/server-process.js'
import { FaultProxy } from '../proxy/fault-proxy.js'
import { Random } from '../support/random.js'
import { Traffic, type TrafficOptions } from './traffic.js'

export interface Cluster {
  readonly redis: RestartableRedis
  readonly nodes: readonly ServerProcess[]
  /** Of each node, in their order. */
  readonly proxies: readonly FaultProxy[]
  readonly urls: readonly string[]
}

/** Nothing is to be trimmed, and nobody held back. */
const roomy = { RATE_LIMIT_PER_SECOND: '0', HISTORY_SIZE: '1000000', REDIS_PREFIX: 'faults' }

/** Those by which a process ends through its own fault; out of memory is one. */
const crashSignals: ReadonlySet<NodeJS.Signals | null> = new Set(['SIGABRT', 'SIGSEGV', 'SIGILL', 'SIGTRAP', 'SIGBUS'])

/** Real processes for one row, and what comes between them. Everything it starts ends with its scope. */
export class Rig {
  readonly scope: Scope
  readonly seed: number
  readonly random: Random
  readonly #nodes: ServerProcess[] = []
  #ended = false

  constructor(scope: Scope, seed: number) {
    this.scope = scope
    this.seed = seed
    this.random = new Random(seed)
    scope.teardown(() => {
      this.#ended = true
    })
  }

  /** A real `redis-server` on loopback that keeps nothing, unless `options` of its command line say otherwise. */
  async startRedis(options: readonly string[] = []): Promise<RestartableRedis> {
    this.#mustRun()
    return await RestartableRedis.start(this.scope, options)
  }

  /** Passes everything on until told otherwise. */
  async startProxy(targetPort: number): Promise<FaultProxy> {
    return await FaultProxy.start(this.scope, targetPort, this.random)
  }

  /** A process of its own, listening; nothing is trimmed and nobody held back unless `env` says so. */
  async startNode(env: Environment): Promise<ServerProcess> {
    this.#mustRun()
    const node = await startServerProcess(this.scope, { ...roomy, ...env }, builtServer())
    this.#nodes.push(node)
    return node
  }

  /** One Redis and `count` nodes on it, each through a proxy of its own. */
  async startCluster(count: number, env: Environment = {}, redisOptions: readonly string[] = []): Promise<Cluster> {
    const redis = await this.startRedis(redisOptions)
    const proxies = await Promise.all(Array.from({ length: count }, () => this.startProxy(redis.port)))
    const nodes = await Promise.all(
      proxies.map(({ port }) => this.startNode({ ...env, REDIS_URL: `redis://127.0.0.1:${port}` }))
    )
    return { redis, proxies, nodes, urls: nodes.map(({ url }) => url) }
  }

  /** Resolves when all members are in their rooms; the publishing begins then. */
  async startTraffic(options: TrafficOptions): Promise<Traffic> {
    return await Traffic.start(this.scope, options)
  }

  /** What is wrong with the nodes themselves (I9): each is alive, or was ended from outside, and threw nothing. */
  get crashes(): string[] {
    return this.#nodes.flatMap(({ process, output }) => {
      const thrown = /uncaught exception|unhandled ?rejection|out of memory/i.test(output())
      const { exitCode, signalCode } = process
      const isWell = !thrown && (exitCode ?? 0) === 0 && !crashSignals.has(signalCode)
      return isWell ? [] : [`I9: a node ended with ${exitCode ?? signalCode}: ${output().slice(-2000)}`]
    })
  }

  /** A row that was given up may go on for a while: nobody would end what it starts. */
  #mustRun(): void {
    if (this.#ended) throw new Error('the row is over')
  }
}
