import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Test } from 'tap'
import type { Config } from '../../src/config.js'
import { bystander } from '../store/redis-harness.js'
import { startServer, type TestServer } from '../support/server.js'

/** What a backend does that writes to Redis, and what it sees there. */
export class Backend {
  readonly redis: Redis
  readonly prefix: string

  constructor(redis: Redis, prefix: string) {
    this.redis = redis
    this.prefix = prefix
  }

  get stream(): string {
    return `${this.prefix}:ingest`
  }

  /** Writes a message and gives the id of its entry. */
  async add(message: object | string | Buffer): Promise<string> {
    const isText = typeof message === 'string' || Buffer.isBuffer(message)
    return (await this.redis.xadd(this.stream, '*', 'message', isText ? message : JSON.stringify(message))) as string
  }

  /** Writes many at once, in order. */
  async addAll(messages: readonly object[]): Promise<void> {
    const pipeline = this.redis.pipeline()
    for (const message of messages) pipeline.xadd(this.stream, '*', 'message', JSON.stringify(message))
    await pipeline.exec()
  }

  /** Entries that are there still. */
  async length(): Promise<number> {
    return await this.redis.xlen(this.stream)
  }

  /** Dead letters, oldest first. */
  async deadLetters(): Promise<Array<Record<string, string>>> {
    const entries = await this.redis.xrange(`${this.stream}:dead`, '-', '+')
    return entries.map(([, fields]) => fieldsOf(fields))
  }
}

function fieldsOf(fields: readonly string[]): Record<string, string> {
  const pairs = fields.flatMap((name, index) => (index % 2 === 0 ? [[name, fields[index + 1] ?? '']] : []))
  return Object.fromEntries(pairs)
}

/** A backend beside the nodes of a cluster of its own. */
export async function backend(t: Test, url: string): Promise<Backend> {
  return new Backend(await bystander(t, url), `test-${randomUUID().slice(0, 8)}`)
}

/** A node of the backend's cluster. */
export async function startNode(
  t: Test,
  url: string,
  { prefix }: Backend,
  settings: Partial<Config> = {}
): Promise<TestServer> {
  return await startServer(t, { REDIS_URL: url, REDIS_PREFIX: prefix, ...settings })
}
