import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { RoomcastClient, type RoomMessage } from '../../client/src/index.js'
import type { ClientOptions } from '../../client/src/options.js'

export interface Listener {
  readonly client: RoomcastClient
  /** What the application was told, in the order it came. */
  readonly messages: RoomMessage[]
  /** Losses that it was told. */
  readonly losses: unknown[]
}

/** A connected client of a real server that keeps what it is told; closed with the test. */
export async function listen(t: Test, options: Partial<ClientOptions> & { url: string }): Promise<Listener> {
  const url = `${options.url.replace('http', 'ws')}/ws`
  // Comes back at once: a test has no time for jitter.
  const client = new RoomcastClient({ random: () => 0, WebSocket, ...options, url })
  t.teardown(() => client.close())
  const messages: RoomMessage[] = []
  const losses: unknown[] = []
  client.on('message', (message) => void messages.push(message))
  client.on('gap', (gap) => void losses.push(gap))
  client.on('reset', (reset) => void losses.push(reset))
  await client.connect()
  return { client, messages, losses }
}

export function contentsOf({ messages }: Listener): unknown[] {
  return messages.map(({ content }) => content)
}

/** Resolves when the client comes to this state for the next time. */
export function stateOf({ client }: Listener, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = client.on('state', ({ state }) => {
      if (state !== wanted) return
      stop()
      resolve()
    })
  })
}
