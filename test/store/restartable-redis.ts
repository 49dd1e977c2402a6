import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import { startRedis } from '../support/redis-server.js'
import { until } from './hearing.js'
import { bystander } from './redis-harness.js'

/** A `redis-server` that keeps its port and its folder over its end. */
export class RestartableRedis {
  readonly url: string
  readonly #t: Test
  readonly #port: number
  readonly #folder: string
  #process: ChildProcess

  private constructor(t: Test, port: number, folder: string, process: ChildProcess) {
    this.#t = t
    this.#port = port
    this.#folder = folder
    this.#process = process
    this.url = `redis://127.0.0.1:${port}`
  }

  static async start(t: Test): Promise<RestartableRedis> {
    const { url, port, process } = await startRedis(t)
    const redis = await bystander(t, url)
    const [, folder = ''] = (await redis.config('GET', 'dir')) as string[]
    redis.disconnect()
    return new RestartableRedis(t, port, folder, process)
  }

  /** Writes what is there now to the disk. */
  async save(): Promise<void> {
    const redis = await bystander(this.#t, this.url)
    await redis.save()
    redis.disconnect()
  }

  /** Kills the server and starts another on what was saved: whatever came later is lost. */
  async crash(): Promise<void> {
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
    await until(() => this.#tryToStart())
  }

  async #tryToStart(): Promise<boolean> {
    const place = ['--port', String(this.#port), '--bind', '127.0.0.1', '--dir', this.#folder]
    const server = spawn('redis-server', [...place, '--save', '', '--appendonly', 'no'], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
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
