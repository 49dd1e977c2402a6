import { type RedisConnection, renew } from './connections.js'

/**
 * Which run of Redis a connection speaks to. Another run (restart, failover) may have been rolled back, so every
 * script that writes a channel is told the run and compares it (protocol.md 2.8).
 */
export class RunWatch {
  #run: string | undefined

  private constructor(run: string) {
    this.#run = run
  }

  /** `prepare` runs on every connect, and before anything may be written. */
  static async of(connection: RedisConnection, prepare: () => Promise<void>): Promise<RunWatch> {
    const enter = async () => {
      await prepare()
      return await readRun(connection)
    }
    const watch = new RunWatch(await enter())
    connection.on('close', () => {
      watch.#run = undefined
    })
    connection.on('ready', () => {
      enter().then(
        (run) => {
          watch.#run = run
        },
        // Not asked again on a connection that answers nothing: a new one is needed.
        () => renew(connection)
      )
    })
    return watch
  }

  /** Undefined while it is not known: nothing may be written then. */
  get current(): string | undefined {
    return this.#run
  }
}

export async function readRun(connection: RedisConnection): Promise<string> {
  const info = await connection.info('server')
  const run = /^run_id:(\w+)/m.exec(info)?.[1]
  if (run === undefined) throw new Error('Redis does not tell its run_id')
  return run
}
