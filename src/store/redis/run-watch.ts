import type { Clock } from '../../clock.js'
import { type RedisConnection, renew } from './connections.js'

export interface RunWatchOptions {
  readonly connection: RedisConnection
  readonly clock: Clock
  /** Done on every connect, before anything may be written. */
  readonly prepare: () => Promise<void>
  /** A run is known, or known again. */
  readonly onKnown?: () => void
}

const RETRY_MS = 1000

/**
 * Which run of Redis a connection speaks to. Another run (restart, failover) may have been rolled back, so every
 * script that writes a channel is told the run and compares it (protocol.md 2.8).
 */
export class RunWatch {
  readonly #options: RunWatchOptions
  #run: string | undefined

  private constructor(options: RunWatchOptions) {
    this.#options = options
    const { connection } = options
    connection.on('close', () => {
      this.#run = undefined
    })
    connection.on('ready', () => void this.#enter())
  }

  /** Resolves with the first run known, or without one where Redis is away. */
  static async of(options: RunWatchOptions): Promise<RunWatch> {
    const watch = new RunWatch(options)
    if (options.connection.status === 'ready') await watch.#enter()
    return watch
  }

  /** Undefined while it is not known: nothing may be written then. */
  get current(): string | undefined {
    return this.#run
  }

  async #enter(): Promise<void> {
    const { connection, clock, prepare, onKnown } = this.#options
    try {
      await prepare()
      this.#run = await readRun(connection)
      onKnown?.()
    } catch (error) {
      if (connection.status !== 'ready') return
      // One that answers may let the node in later; on one that does not a new connection is needed.
      if ((error as Error).name === 'ReplyError') clock.after(RETRY_MS, () => void this.#enter())
      else renew(connection)
    }
  }
}

export async function readRun(connection: RedisConnection): Promise<string> {
  const info = await connection.info('server')
  const run = /^run_id:(\w+)/m.exec(info)?.[1]
  if (run === undefined) throw new Error('Redis does not tell its run_id')
  return run
}
