import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Redis } from 'ioredis'
import { freePort, startRedis } from './redis-server.js'
import type { Scope } from './scope.js'
import { until } from './until.js'

export const MASTER_NAME = 'test-master'

export interface SentinelSettings {
  /** Of each Redis, besides `replicaof`. */
  readonly redisOptions?: readonly string[]
  /** After this time without an answer a Sentinel takes a Redis for dead. */
  readonly downAfterMs?: number
}

/** One `redis-server` of the group, which keeps its port over its end. */
interface Member {
  readonly port: number
  process: ChildProcess
}

/** A master, two replicas and three Sentinels on loopback; all end with the scope. */
export class SentinelGroup {
  readonly #scope: Scope
  readonly #options: readonly string[]
  readonly #members: readonly Member[]
  readonly sentinelPorts: readonly number[]

  private constructor(
    scope: Scope,
    { options, members, sentinelPorts }: { options: readonly string[]; members: Member[]; sentinelPorts: number[] }
  ) {
    this.#scope = scope
    this.#options = options
    this.#members = members
    this.sentinelPorts = sentinelPorts
  }

  /** Resolves when every Sentinel knows both replicas and the other Sentinels. */
  static async start(scope: Scope, { redisOptions = [], downAfterMs = 1000 }: SentinelSettings = {}) {
    // Replication without a wait for more replicas to come.
    const options = ['--repl-diskless-sync-delay', '0', '--repl-timeout', '5', ...redisOptions]
    const master = await startRedis(scope, options)
    const replicas = await Promise.all(
      [1, 2].map(() => startRedis(scope, [...options, '--replicaof', '127.0.0.1', String(master.port)]))
    )
    const sentinelPorts = await Promise.all([1, 2, 3].map(() => startSentinel(scope, master.port, downAfterMs)))
    const members = [master, ...replicas].map(({ port, process }) => ({ port, process }))
    const group = new SentinelGroup(scope, { options, members, sentinelPorts })
    await until(() => group.#isComplete(), Boolean, 30_000)
    return group
  }

  /** `redis+sentinel://…`, with the credentials of a user where some are given. */
  url(credentials = ''): string {
    const hosts = this.sentinelPorts.map((port) => `127.0.0.1:${port}`).join(',')
    return `redis+sentinel://${credentials}${hosts}/${MASTER_NAME}`
  }

  /** As the Sentinels have it at the moment. */
  async masterPort(): Promise<number> {
    const [, port] = (await this.#ask<string[]>('get-master-addr-by-name')) ?? []
    return Number(port)
  }

  /** Kills the master of the moment; answers its port. */
  async killMaster(): Promise<number> {
    const port = await this.masterPort()
    await this.kill(port)
    return port
  }

  async kill(port: number): Promise<void> {
    const { process } = this.#member(port)
    if (process.exitCode !== null || process.signalCode !== null) return
    const exited = once(process, 'exit')
    process.kill('SIGKILL')
    await exited
  }

  /** Starts it as a replica of the master of the moment, as Sentinel has told it last. */
  async restart(port: number): Promise<void> {
    const master = await this.masterPort()
    const follow = master === port ? [] : ['--replicaof', '127.0.0.1', String(master)]
    const server = await startRedis(this.#scope, [...this.#options, ...follow], port)
    this.#member(port).process = server.process
  }

  /** The planned change of the master. */
  async failOver(): Promise<void> {
    await this.#ask('failover')
  }

  processOf(port: number): ChildProcess {
    return this.#member(port).process
  }

  get ports(): number[] {
    return this.#members.map(({ port }) => port)
  }

  #member(port: number): Member {
    const member = this.#members.find((one) => one.port === port)
    if (member === undefined) throw new Error(`no Redis of the group has the port ${port}`)
    return member
  }

  async #ask<T>(question: string): Promise<T> {
    const sentinel = new Redis(this.sentinelPorts[0] as number, '127.0.0.1', { retryStrategy: () => null })
    sentinel.on('error', () => {})
    try {
      return (await sentinel.call('sentinel', question, MASTER_NAME)) as T
    } finally {
      sentinel.disconnect()
    }
  }

  async #isComplete(): Promise<boolean> {
    const states = await Promise.all(this.sentinelPorts.map(stateOf))
    return states.every((state) => /status=ok,address=\S+,slaves=2,sentinels=3/.test(state))
  }
}

async function startSentinel(scope: Scope, masterPort: number, downAfterMs: number): Promise<number> {
  const port = await freePort()
  const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-sentinel-'))
  scope.teardown(() => rm(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'sentinel.conf')
  await writeFile(file, sentinelConfig({ port, folder, masterPort, downAfterMs }))
  const sentinel = spawn('redis-server', [file, '--sentinel'], { stdio: ['ignore', 'ignore', 'inherit'] })
  scope.teardown(async () => {
    if (sentinel.exitCode !== null || sentinel.signalCode !== null) return
    sentinel.kill('SIGKILL')
    await once(sentinel, 'exit')
  })
  return port
}

interface SentinelPlace {
  readonly port: number
  readonly folder: string
  readonly masterPort: number
  readonly downAfterMs: number
}

function sentinelConfig({ port, folder, masterPort, downAfterMs }: SentinelPlace): string {
  return `port ${port}
bind 127.0.0.1
dir ${folder}
sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} 2
sentinel down-after-milliseconds ${MASTER_NAME} ${downAfterMs}
sentinel failover-timeout ${MASTER_NAME} 3000
sentinel parallel-syncs ${MASTER_NAME} 2
`
}

async function stateOf(port: number): Promise<string> {
  const sentinel = new Redis(port, '127.0.0.1')
  sentinel.on('error', () => {})
  try {
    return await sentinel.info('sentinel')
  } finally {
    sentinel.disconnect()
  }
}
