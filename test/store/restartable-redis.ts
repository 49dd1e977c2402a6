import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { startRedis, urlOf, userOptions } from '../support/redis-server.js'
import type { Scope } from '../support/scope.js'
import { until } from './hearing.js'
import { bystander } from './redis-harness.js'

interface Place {
  readonly port: number
  readonly folder: string
  readonly options: readonly string[]
  readonly process: ChildProcess
}

/** A `redis-server` that keeps its port and its folder over its end. */
export class RestartableRedis {
  readonly url: string
  readonly #t: Scope
  readonly #port: number
  readonly #folder: string
  readonly #options: readonly string[]
  #process: ChildProcess

  private constructor(t: Scope, { port, folder, options, process }: Place) {
    this.#t = t
    this.#port = port
    this.#folder = folder
    this.#options = options
    this.#process = process
    this.url = urlOf(port)
  }

  static async start(t: Scope, options: readonly string[] = []): Promise<RestartableRedis> {
    const { url, port, process } = await startRedis(t, options)
    const redis = await bystander(t, url)
    const [, folder = ''] = (await redis.config('GET', 'dir')) as string[]
    redis.disconnect()
    return new RestartableRedis(t, { port, folder, options, process })
  }

  get port(): number {
    return this.#port
  }

  /** The one that runs now, or ran last. */
  get process(): ChildProcess {
    return this.#process
  }

  /** Writes what is there now to the disk. */
  async save(): Promise<void> {
    const redis = await bystander(this.#t, this.url)
    await redis.save()
    redis.disconnect()
  }

  /** Kills the server and starts another on what was saved: whatever came later is lost. */
  async crash(): Promise<void> {
    await this.kill()
    await this.restart()
  }

  async kill(): Promise<void> {
    const exited = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exited
  }

  async restart(): Promise<void> {
    await until(() => this.#tryToStart())
  }

  async #tryToStart(): Promise<boolean> {
    const place = ['--port', String(this.#port), '--bind', '127.0.0.1', '--dir', this.#folder]
    const server = spawn(
      'redis-server',
      [...place, '--save', '', '--appendonly', 'no', ...userOptions, ...this.#options],
      {
        stdio: ['ignore', 'pipe', 'inherit']
      }
    )
    this.#t.teardown(() => server.kill('SIGKILL'))
    let log = ''
    server.stdout?.on('data', (text) => {
      log += text
    })
    await until(() => log.includes('Ready to accept connections') || server.exitCode !== null)
    this.#process = server
    return server.exitCode === null
  }
}
