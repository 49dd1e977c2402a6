import { errorTable } from '../../src/errors.js'
import { CloseCode } from '../../src/protocol/close-codes.js'
import { frame } from '../live/raw-socket.js'
import type { Message } from '../support/live-client.js'
import { DriverScope } from '../support/scope.js'
import { ANY_BYTES, type Case, RESUME_TOKEN, SESSION_ID } from './actions.js'
import { Book } from './book.js'
import { exchange, Peer } from './peer.js'
import type { Target } from './target.js'

const MESSAGE_BYTES_MAX = 65_536
const LAST = 'the last one'
const REVOCATION = 'POST /revocations'
/** Nothing is wrong with the server or its store while it is attacked: so nobody may be told so. */
const shameful: ReadonlySet<unknown> = new Set(['internal', 'store_unavailable', 'overloaded', 'draining'])
/** What ws closes with by itself, besides the table. */
const closeCodes: ReadonlySet<number> = new Set([...Object.values(CloseCode), 1002, 1007])

/** How often each message and each route had which answer. */
export type Tally = Map<string, number>

/** Does what the case does. Throws where the server does not keep what it promises to everybody. */
export async function play(target: Target, attack: Case, tally: Tally = new Map()): Promise<void> {
  const scope = new DriverScope()
  try {
    await new Attack(target, attack, tally).run(scope)
    await target.neighbour.hears()
  } finally {
    await scope.end()
  }
}

class Attack {
  readonly #target: Target
  readonly #attack: Case
  readonly #tally: Tally
  readonly #book: Book
  /** Messages by their id, and how many answers each is to have and has. */
  readonly #asked = new Map<string, { name: string; due: number; times: number; text: string }>()
  #peer!: Peer
  #welcome: Message | undefined
  #isOver = false

  constructor(target: Target, attack: Case, tally: Tally) {
    this.#target = target
    this.#attack = attack
    this.#tally = tally
    this.#book = new Book(target)
  }

  async run(scope: DriverScope): Promise<void> {
    const { headersOf, pathOf, url } = this.#target
    const { actions, ndjson, user } = this.#attack
    const protocol: Record<string, string> = ndjson ? { 'sec-websocket-protocol': 'roomcast.v1.ndjson' } : {}
    const headers = { ...(await headersOf(user)), ...protocol }
    this.#peer = await Peer.open(scope, { url, path: pathOf(user), headers }, (message) => this.#onMessage(message))
    for (const action of actions) {
      if (action.kind === 'message') this.#say(action.name, this.#filledIn(action.text))
      else if (action.kind === 'request') await this.#request(action.name, Buffer.from(action.bytes, 'latin1'))
      else this.#peer.write(Buffer.from(action.bytes, 'latin1'))
    }
    if (actions.some(({ kind }) => kind === 'bytes')) return await this.#leave(false)
    await this.#end()
    await this.#book.check()
  }

  #say(name: string, text: string): void {
    const lines = this.#attack.ndjson ? text.split('\n') : [text]
    for (const line of lines) this.#expect(name, line)
    this.#peer.write(frame(text))
  }

  /** A message whose id can be read has one answer with it. */
  #expect(name: string, text: string): void {
    const id = idOf(text)
    if (id === undefined || Buffer.byteLength(text) > MESSAGE_BYTES_MAX) return
    const { due = 0, times = 0 } = this.#asked.get(id) ?? {}
    this.#asked.set(id, { name, due: due + 1, times: times + 1, text })
  }

  async #end(): Promise<void> {
    this.#say('the last', JSON.stringify({ type: 'leave_room', room: LAST, id: LAST }))
    const answered = () => [...this.#asked.values()].every(({ due }) => due <= 0)
    await this.#peer.until(() => answered() || this.#peer.code !== undefined, 'a command is not answered')
    const { code } = this.#peer
    if (code !== undefined && !closeCodes.has(code)) throw new Error(`closed with ${code}`)
    if (code === undefined && this.#welcome === undefined) throw new Error('there was no welcome')
    this.#isOver = true
    this.#count('connection', code ?? 'open')
    await this.#leave(!this.#attack.drops)
  }

  async #leave(properly: boolean): Promise<void> {
    if (!properly) this.#target.dropped = this.#welcome
    await this.#peer.leave(properly)
  }

  #filledIn(text: string): string {
    const { session_id = '', resume_token = '' } = this.#target.dropped ?? {}
    return text.replace(SESSION_ID, session_id).replace(RESUME_TOKEN, resume_token)
  }

  #onMessage(message: Message): void {
    const { type, id, code, action } = message
    if (type === 'system' && action === 'connected') this.#welcome = message
    if (type === 'error') this.#checkCode(code)
    if (id === undefined || !['ack', 'error', 'heartbeat_ack'].includes(type)) return
    const asked = this.#asked.get(id)
    if (asked === undefined || asked.due === 0 || this.#isOver)
      throw new Error(`an answer that nobody asked for: ${id}`)
    asked.due--
    this.#count(asked.name, type === 'error' ? code : type)
    // Of two with one id nobody knows which this answers.
    if (type === 'ack' && asked.times === 1) this.#book.onAck(message, JSON.parse(asked.text))
  }

  async #request(name: string, bytes: Buffer): Promise<void> {
    const answer = await exchange(this.#target.url, bytes, name === ANY_BYTES)
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)
    this.#count(name, status)
    if (status === 0 && name !== ANY_BYTES) throw new Error('no answer')
    if (/^HTTP\/1\.1 50[0-9]/m.test(answer)) throw new Error(`answered ${answer}`)
    const [, json] = /^HTTP[\s\S]*?\r\n\r\n(\{[\s\S]*\})$/.exec(answer) ?? []
    const body = json === undefined ? undefined : JSON.parse(Buffer.from(json, 'latin1').toString())
    if (status >= 400 && !name.startsWith('HEAD ')) this.#checkCode(body?.code)
    for (const result of body?.results ?? []) if (result.code !== undefined) this.#checkCode(result.code)
    this.#book.onResponse({ request: bytes.toString(), status, body })
    if (name === REVOCATION && status === 201) this.#onRevocation(body)
  }

  #onRevocation({ user_id: user, token_id: token, issued_before: before }: Message): void {
    if (user !== undefined && token === undefined && before === undefined) this.#target.onRevoked(user)
  }

  #checkCode(code: unknown): void {
    const known = typeof code === 'string' && Object.hasOwn(errorTable, code)
    if (!known || shameful.has(code)) throw new Error(`told ${code}`)
  }

  #count(name: string, answer: string | number): void {
    const key = `${name} → ${answer}`
    this.#tally.set(key, (this.#tally.get(key) ?? 0) + 1)
  }
}

function idOf(text: string): string | undefined {
  try {
    const fields = JSON.parse(text)
    const { id } = fields
    const valid = typeof id === 'string' && id !== '' && Buffer.byteLength(id) <= 64 && !Array.isArray(fields)
    return valid ? id : undefined
  } catch {
    return undefined
  }
}
