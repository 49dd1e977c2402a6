import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { RoomcastOptions } from '../../src/app.js'
import type { Config } from '../../src/config.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { startRedis, type TestRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

/** Starts a server over the store of the case, which shares nothing with any other. */
export type Start = (settings?: Partial<Config>, options?: Omit<RoomcastOptions, 'settings'>) => Promise<TestServer>

let redis: Promise<TestRedis> | undefined

/** The same behaviour over the embedded store and over Redis, there as the user whose URL `urlOf` picks. */
export function onEachStore(
  title: string,
  run: (t: Test, start: Start) => Promise<void>,
  urlOf = ({ url }: TestRedis) => url
): void {
  t.test(`${title} (embedded)`, (t) => run(t, (settings, options) => startServer(t, settings, options)))
  t.test(`${title} (Redis)`, async (t) => {
    redis ??= startRedis(t.parent as Test)
    const url = urlOf(await redis)
    await run(t, (settings, options) =>
      startServer(t, { REDIS_URL: url, REDIS_PREFIX: `test-${randomUUID().slice(0, 8)}`, ...settings }, options)
    )
  })
}

/** Everything that the connection asked before this is answered when it resolves: `leave_room` runs alone. */
export async function allAnswered(client: LiveClient): Promise<void> {
  const id = randomUUID()
  client.send({ type: 'leave_room', room: 'a room that nobody is in', id })
  await until(() => client.messages.some((answer) => answer.id === id))
}

const BATCH = 500

/** Publishes `count` messages 1, 2, 3 … as a backend, and gives the answers. */
export async function fill(server: TestServer, room: string, count: number): Promise<Message[]> {
  const results: Message[] = []
  while (results.length < count) {
    const length = Math.min(BATCH, count - results.length)
    const items = Array.from({ length }, (_, index) => ({ room, content: results.length + index + 1 }))
    const { body } = await request(`${server.url}/publish`, { method: 'POST', body: { items } })
    results.push(...(body.results as Message[]))
  }
  return results
}

/** Messages of a room that a client was sent, in the order they came. */
export function chatOf(client: LiveClient, room: string): Message[] {
  return client.messages.filter((message) => message.type === 'chat_message' && message.room === room)
}

export function offsetsOf(messages: readonly Message[]): number[] {
  return messages.map(({ offset }) => offset as number)
}

/** `from`, `from + 1` … `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(to - from + 1, 0) }, (_, index) => from + index)
}

export const isoWithMilliseconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
export const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
