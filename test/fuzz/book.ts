import { isDeepStrictEqual } from 'node:util'
import type { Message } from '../support/live-client.js'
import { exchange } from './peer.js'
import type { Target } from './target.js'

interface Entry {
  readonly epoch: string
  readonly offset: number
  readonly messageId: string
  readonly content: unknown
}

/** What was acknowledged in one case: it has to be in the history of its channel, at its place and as it was sent. */
export class Book {
  readonly #target: Target
  /** By the path of the channel. */
  readonly #published = new Map<string, Entry[]>()
  /** Histories may be cut short, and groups deleted, by the case itself. */
  #isVoid = false

  constructor(target: Target) {
    this.#target = target
  }

  onAck(ack: Message, sent: Message): void {
    if (ack.message_id === undefined || ack.duplicate) return
    if (ack.room !== undefined) this.#add('rooms', ack.room, ack, sent.content)
    if (ack.group !== undefined) this.#add('groups', ack.group, ack, sent.content)
  }

  onResponse({ request, status, body }: { request: string; status: number; body: Message | undefined }): void {
    if (request.startsWith('DELETE ')) this.#isVoid = true
    if (status !== 201 || body === undefined || body.duplicate) return
    const { content } = JSON.parse(request.slice(request.indexOf('\r\n\r\n') + 4))
    if (body.room !== undefined) this.#add('rooms', body.room, body, content)
    if (body.group !== undefined) this.#add('groups', body.group, body, content)
  }

  #add(kind: string, id: string, { epoch, offset, message_id: messageId }: Message, content: unknown): void {
    const path = `/${kind}/${encodeURIComponent(id)}`
    const entries = this.#published.get(path) ?? []
    if (entries.some((known) => known.offset === offset)) throw new Error(`${path} has two messages at ${offset}`)
    this.#published.set(path, [...entries, { epoch, offset, messageId, content }])
  }

  async check(): Promise<void> {
    if (this.#isVoid) return
    for (const [path, entries] of this.#published) compare(path, entries, await this.#historyOf(path))
  }

  async #historyOf(path: string): Promise<Message> {
    const { credential, url } = this.#target
    const authorization = credential === '' ? '' : `authorization: ${credential}\r\n`
    const head = `GET ${path}/history?limit=1000 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n`
    const answer = Buffer.from(await exchange(url, Buffer.from(`${head}${authorization}\r\n`)), 'latin1').toString()
    return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
  }
}

function compare(path: string, entries: readonly Entry[], { offset: top, messages }: Message): void {
  const first = top - messages.length + 1
  for (const [index, { offset }] of messages.entries()) {
    if (offset !== first + index) throw new Error(`${path} has a hole before ${offset}`)
  }
  for (const { epoch, offset, messageId, content } of entries) {
    const kept = messages[offset - first]
    if (kept?.message_id !== messageId || kept?.epoch !== epoch)
      throw new Error(`${path} has no ${messageId} at ${offset}`)
    if (!isDeepStrictEqual(asJson(kept.content), asJson(content)))
      throw new Error(`${path} has another content at ${offset}`)
  }
}

/** As it can be told apart: JSON over REST has no -0, and what is too large is none of it. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
