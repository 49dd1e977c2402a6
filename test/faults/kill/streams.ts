import type { Message } from '../../support/live-client.js'
import { request } from '../../support/server.js'

export const streamNames = ['room', 'inbox', 'group'] as const
export type StreamName = (typeof streamNames)[number]

export const ROOM = 'r'
export const GROUP = 'g'
/** Whose inbox it is, and the one who listens. */
export const READER = 'reader'
/** Sends, and is a member of the group. */
export const WRITER = 'writer'

export interface Content {
  readonly publisher: string
  /** Counts what this publisher sent to this stream. */
  readonly n: number
}

export interface StoredMessage {
  readonly epoch: string
  readonly offset: number
  readonly message_id: string
  readonly content: Content
}

interface Stream {
  /** The path that a backend posts to. */
  readonly path: string
  /** How it is read from an offset on. */
  readonly history: string
  /** What a client sends. */
  command(content: Content, messageId: string): object
}

export const streams: Readonly<Record<StreamName, Stream>> = {
  room: {
    path: `/rooms/${ROOM}/messages`,
    history: `/rooms/${ROOM}/history`,
    command: (content, message_id) => ({ type: 'chat_message', room: ROOM, content, message_id })
  },
  inbox: {
    path: `/users/${READER}/messages`,
    history: `/users/${READER}/inbox`,
    command: (content, message_id) => ({ type: 'direct_message', to: READER, content, message_id })
  },
  group: {
    path: `/groups/${GROUP}/messages`,
    history: `/groups/${GROUP}/history`,
    command: (content, message_id) => ({ type: 'group_message', group: GROUP, content, message_id })
  }
}

/** The stream of a message as a client hears it; undefined for anything else. */
export function streamOf({ type }: Message): StreamName | undefined {
  const types: Record<string, StreamName> = { chat_message: 'room', direct_message: 'inbox', group_message: 'group' }
  return types[type]
}

/** Everything that is stored after an offset. */
export async function readAll(url: string, stream: StreamName, after: number): Promise<StoredMessage[]> {
  const found: StoredMessage[] = []
  for (let more = true; more; ) {
    const from = found.at(-1)?.offset ?? after
    const { status, body } = await request(`${url}${streams[stream].history}?limit=1000&after=${from}`)
    if (status !== 200) throw new Error(`${streams[stream].history} answered ${status}: ${JSON.stringify(body)}`)
    found.push(...body.messages)
    more = body.has_more
  }
  return found
}
