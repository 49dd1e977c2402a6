import { AssertionError } from 'node:assert'
import type { Message } from '../../support/live-client.js'
import { request } from '../../support/server.js'
import { until } from '../../support/until.js'

export interface Truth {
  /** Of the node that is asked. */
  readonly url: string
  readonly room: string
  readonly users: readonly string[]
}

/** Waits until the node tells exactly these users, by number and by name (I6). Throws after the deadline. */
export async function untilPresent({ url, room, users }: Truth, deadlineMs: number): Promise<void> {
  const truth = JSON.stringify([users.length, [...users].sort()])
  try {
    const isTrue = (told: string) => told === truth
    await until(() => presence(url, room), isTrue, deadlineMs)
  } catch (error) {
    throw new AssertionError({ message: `I6: ${room}: ${(error as Error).message}, instead of ${truth}` })
  }
}

async function presence(url: string, room: string): Promise<string> {
  try {
    const { body } = await request(`${url}/rooms/${room}/members?limit=1000`)
    return JSON.stringify([body.online_count, body.members.map(({ user_id }: Message) => user_id).sort()])
  } catch (error) {
    return `not told by ${url}: ${(error as Error).message}`
  }
}
