import { randomUUID } from 'node:crypto'
import { RestartableRedis } from '../../store/restartable-redis.js'
import type { Scope } from '../../support/scope.js'
import { request } from '../../support/server.js'
import {
  type Environment,
  type ServerProcess,
  startServerProcess,
  temporaryFolder
} from '../../support/server-process.js'
import { until } from '../../support/until.js'
import type { Random } from '../support/random.js'

export const storeNames = ['embedded', 'redis'] as const
export type StoreName = (typeof storeNames)[number]

/** A server with its store, of which one is killed now and then. */
export interface Rig {
  readonly url: string
  /** Kills one of its processes with -9; says which. */
  kill(random: Random): Promise<string>
  /** Starts on what the killed one left; resolves when the server is ready. */
  restart(): Promise<void>
}

/** Nothing is to be trimmed, and nobody held back. */
const roomy = { RATE_LIMIT_PER_SECOND: '0', HISTORY_SIZE: '10000000', INBOX_SIZE: '10000000', IDEMPOTENCY_TTL: '3600' }
const alwaysOnDisk = ['--appendonly', 'yes', '--appendfsync', 'always']

export async function startRig(scope: Scope, store: StoreName): Promise<Rig> {
  if (store === 'embedded') {
    const env = { ...roomy, DATA_DIR: await temporaryFolder(scope) }
    return new KillableServer(scope, env, await startServerProcess(scope, env))
  }
  const redis = await RestartableRedis.start(scope, alwaysOnDisk)
  const env = { ...roomy, REDIS_URL: redis.url, REDIS_PREFIX: randomUUID() }
  return new KillableServer(scope, env, await startServerProcess(scope, env), redis)
}

class KillableServer implements Rig {
  readonly #scope: Scope
  readonly #env: Environment
  readonly #redis: RestartableRedis | undefined
  #server: ServerProcess
  #killed: 'server' | 'redis' = 'server'

  constructor(scope: Scope, env: Environment, server: ServerProcess, redis?: RestartableRedis) {
    this.#scope = scope
    this.#env = env
    this.#server = server
    this.#redis = redis
  }

  get url(): string {
    return this.#server.url
  }

  async kill(random: Random): Promise<string> {
    this.#killed = this.#redis === undefined ? 'server' : random.pick(['server', 'redis'])
    if (this.#killed === 'server') await this.#server.end('SIGKILL')
    else await this.#redis?.kill()
    return this.#killed
  }

  async restart(): Promise<void> {
    if (this.#killed === 'server') this.#server = await startServerProcess(this.#scope, this.#env)
    else await this.#redis?.restart()
    await until(async () => (await request(`${this.url}/health/ready`)).status === 200, Boolean, 30_000)
  }
}
