import { createHash } from 'node:crypto'
import type { RedisConnection } from './connections.js'

type Argument = string | number | Buffer

interface Call {
  readonly keys: readonly string[]
  readonly args: readonly Argument[]
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * A script whose calls take effect in their order, also when Redis has forgotten it: ioredis would send each call
 * anew as its refusal comes in, behind others that were made later.
 */
export class OrderedScript {
  readonly #connection: RedisConnection
  readonly #lua: string
  readonly #sha: string
  #underWay = 0
  /** Refused, in order; with the first of them the later ones are held back. */
  #refused: Call[] = []
  #held: Call[] = []

  constructor(connection: RedisConnection, lua: string) {
    this.#connection = connection
    this.#lua = lua
    this.#sha = createHash('sha1').update(lua).digest('hex')
  }

  /** Makes Redis know the script: else the first calls of two nodes could mix, one's refused and one's not. */
  async load(): Promise<void> {
    await this.#connection.script('LOAD', this.#lua)
  }

  /** Rejects with what Redis or the connection says. */
  call(keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = { keys, args, resolve, reject }
      if (this.#refused.length > 0) this.#held.push(call)
      else this.#send(call)
    })
  }

  #send(call: Call): void {
    this.#underWay++
    this.#connection
      .evalsha(this.#sha, call.keys.length, ...call.keys, ...call.args)
      .then(call.resolve, (error) => {
        if (isForgotten(error)) this.#refused.push(call)
        else call.reject(error)
      })
      .finally(() => {
        this.#underWay--
        if (this.#underWay === 0 && this.#refused.length > 0) void this.#loadAndSend()
      })
  }

  async #loadAndSend(): Promise<void> {
    const failure = await this.load().then(
      () => undefined,
      (error) => ({ error })
    )
    const calls = [...this.#refused, ...this.#held]
    this.#refused = []
    this.#held = []
    for (const call of calls) {
      if (failure === undefined) this.#send(call)
      else call.reject(failure.error)
    }
  }
}

function isForgotten(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}
