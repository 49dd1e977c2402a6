import type { Message } from '../../support/live-client.js'
import type { Scope } from '../../support/scope.js'
import { until } from '../../support/until.js'
import { RawClient } from '../support/raw-client.js'
import type { Book } from './book.js'
import { GROUP, READER, ROOM, type StoredMessage, type StreamName, streamNames, streamOf } from './streams.js'

export type Books = Readonly<Record<StreamName, Book>>
export type Stored = Readonly<Record<StreamName, readonly StoredMessage[]>>

/** Where the room stood when the reader was last there. */
export interface Position {
  readonly epoch: string
  readonly offset: number
}

/** Connects as the one who reads all three streams. */
export async function listen(
  scope: Scope,
  url: string,
  onMessage: (stream: StreamName, message: Message) => void,
  onTold: (told: Message) => void = () => {}
): Promise<RawClient> {
  return await RawClient.connect(scope, `${url.replace('http', 'ws')}/ws?user_id=${READER}`, (message) => {
    const stream = streamOf(message)
    if (stream !== undefined) onMessage(stream, message)
    else if (message.action === 'gap' || message.action === 'reset') onTold(message)
  })
}

/**
 * The reader comes back after the end of a round: in the room since where it was, in inbox and group since its
 * cursor. It has to be sent exactly what is stored since, and then acknowledges it. Answers what is wrong.
 */
export async function comeBack(scope: Scope, url: string, since: Position, stored: Stored): Promise<string[]> {
  const heard: Record<StreamName, StoredMessage[]> = { room: [], inbox: [], group: [] }
  const told: Message[] = []
  const take = (stream: StreamName, message: Message) => heard[stream].push(message as StoredMessage)
  const client = await listen(scope, url, take, (message) => told.push(message))
  await client.ask({ type: 'join_room', room: ROOM, since })
  for (const stream of streamNames) await until(() => heard[stream].length >= stored[stream].length, Boolean, 30_000)
  const acks = await Promise.all([
    client.ask({ type: 'inbox_ack', offset: topOf(stored.inbox) }),
    client.ask({ type: 'inbox_ack', group: GROUP, offset: topOf(stored.group) })
  ])
  client.terminate()
  return [
    ...told.map((message) => `the reader was told ${JSON.stringify(message)}`),
    ...acks.filter((ack) => ack?.type !== 'ack').map((ack) => `a cursor did not move: ${JSON.stringify(ack)}`),
    ...streamNames.flatMap((stream) => differences(stream, heard[stream], stored[stream]))
  ]
}

function differences(stream: StreamName, heard: readonly StoredMessage[], stored: readonly StoredMessage[]): string[] {
  const index = heard.findIndex((message, place) => message.message_id !== stored[place]?.message_id)
  if (index === -1 && heard.length === stored.length) return []
  const expected = stored[index]?.message_id ?? 'nothing'
  return [`${stream}: the reader that came back heard ${heard[index]?.message_id} instead of ${expected}`]
}

function topOf(stored: readonly StoredMessage[]): number {
  return stored.at(-1)?.offset ?? 0
}
