import { randomUUID } from 'node:crypto'
import type { SimulationArguments } from './arguments.js'
import { SimulatedClient } from './client.js'
import { findDisorder } from './order.js'
import { Tally } from './tally.js'
import { tokenSource } from './tokens.js'

/** Connections that are opened at the same time. */
const OPENING_MAX = 100

export interface Outcome {
  readonly tally: Tally
  /** What is wrong with the order, in words; undefined where nothing is. */
  readonly disorder: string | undefined
  readonly heartbeats: { readonly answered: number; readonly sent: number }
  /** Why it ended early; undefined where it did not. */
  readonly failure: string | undefined
}

/** Runs the whole simulation. Rejects with `ConfigError` alone: what goes wrong else is in the outcome. */
export async function simulate(
  url: URL,
  { clients: count, messages, room, timeoutMs }: SimulationArguments,
  onDelivered: (delivered: number) => void
): Promise<Outcome> {
  const run = randomUUID().slice(0, 8)
  const tokenFor = tokenSource()
  const tally = new Tally(count, messages, onDelivered)
  const clients: SimulatedClient[] = []
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject
  })

  function createClient(index: number): SimulatedClient {
    const name = `simulated-${run}-${index + 1}`
    const onHeard = (messageId: string) => tally.onHeard(index, messageId)
    const client = new SimulatedClient({ url, room, userId: name, token: tokenFor(name), onHeard, onFailure: fail })
    clients.push(client)
    return client
  }

  async function publishAll(client: SimulatedClient, index: number): Promise<void> {
    for (let number = 1; number <= messages; number++) {
      const messageId = `${run}-${index + 1}-${number}`
      await client.publish({ messageId, content: { client: index + 1, number }, onSent: () => tally.onSent(messageId) })
    }
  }

  async function work(): Promise<void> {
    for (let first = 0; first < count; first += OPENING_MAX) {
      const opening = Array.from({ length: Math.min(OPENING_MAX, count - first) }, (_, more) =>
        createClient(first + more)
      )
      await Promise.all(opening.map((client) => client.join()))
    }
    await Promise.all(clients.map(publishAll))
    await tally.complete
    await Promise.all(clients.map((client) => client.finishHeartbeats()))
  }

  const limit = setTimeout(() => fail(new Error(`gave up after ${timeoutMs / 1000} seconds`)), timeoutMs)
  const failure = await Promise.race([work(), failed]).then(
    () => undefined,
    (error: Error) => error.message
  )
  clearTimeout(limit)
  await Promise.all(clients.map((client) => client.close()))
  return { tally, disorder: findDisorder(clients), heartbeats: heartbeatsOf(clients), failure }
}

function heartbeatsOf(clients: readonly SimulatedClient[]): Outcome['heartbeats'] {
  const heartbeats = { answered: 0, sent: 0 }
  for (const { heartbeatsAnswered, heartbeatsSent } of clients) {
    heartbeats.answered += heartbeatsAnswered
    heartbeats.sent += heartbeatsSent
  }
  return heartbeats
}
