import assert from 'node:assert'
import type { Message } from '../../support/live-client.js'
import { request } from '../../support/server.js'
import type { ServerProcess } from '../../support/server-process.js'
import { until } from '../../support/until.js'
import type { Rig } from '../rig/rig.js'
import type { FaultRow } from '../rig/row.js'
import { RawClient } from '../support/raw-client.js'

const USERS = 8
const PAST = 6000
const UNREAD = 200
const ACK_EVERY = 10
const ROUNDS = 3
const BATCH = 500
const ROOM = 'past'

const row: FaultRow = {
  number: 'F21',
  fault: 'SIGTERM while history replays and inboxes drain',
  ci: true,
  async run(rig) {
    const { url: redisUrl } = await rig.startRedis()
    const env = { REDIS_URL: redisUrl, REDIS_PREFIX: 'roomcast', HISTORY_SIZE: '100000' }
    const staying = await rig.startNode(env)
    const epoch = await fill(staying)
    const readers = Array.from({ length: USERS }, (_, n) => new Reader(rig, `user${n}`, epoch))
    let cut = 0
    for (let round = 0; round < ROUNDS; round++) {
      const leaving = await rig.startNode(env)
      await Promise.all(readers.map((reader) => reader.visit(leaving)))
      const target = Math.floor(rig.random.next() * PAST)
      await Promise.race(readers.map((reader) => reader.reached(target)))
      cut += readers.filter((reader) => !reader.isDone).length
      assert.deepStrictEqual(await leaving.end('SIGTERM'), { code: 0, signal: null })
    }
    await Promise.all(readers.map((reader) => reader.visit(staying)))
    await until(() => readers.every((reader) => reader.isDone))
    assert.deepStrictEqual(
      readers.flatMap(({ faults }) => faults),
      []
    )
    assert.ok(cut > 0, 'some were cut off on the way')
    return {
      seen: `${cut} times a reader was cut off on the way; each has all ${PAST} messages and all ${UNREAD} of its inbox`,
      held: ['I1', 'I2', 'I3', 'I9']
    }
  }
}

/** Writes a past and the inboxes; gives the epoch of the room. */
async function fill({ url }: ServerProcess): Promise<string> {
  const users = Array.from({ length: USERS }, (_, n) => `user${n}`)
  const items = [
    ...Array.from({ length: PAST }, (_, n) => ({ room: ROOM, content: `${n}`.padEnd(300) })),
    ...users.flatMap((user) => Array.from({ length: UNREAD }, (_, n) => ({ user, content: n })))
  ]
  for (let start = 0; start < items.length; start += BATCH) {
    const body = { items: items.slice(start, start + BATCH) }
    const { body: answer } = await request(`${url}/publish`, { method: 'POST', body })
    assert.ok(answer.results.every(({ code }: Message) => code === undefined))
  }
  return (await request(`${url}/rooms/${ROOM}/history?limit=1`)).body.epoch
}

/** Reads a room from its beginning and an inbox from its cursor, and goes on elsewhere when it is cut off. */
class Reader {
  readonly faults: string[] = []
  readonly #rig: Rig
  readonly #userId: string
  readonly #epoch: string
  /** How far it has the room. */
  #heard = 0
  #target: { readonly offset: number; resolve(): void } | undefined
  /** Of the inbox on the present connection; undefined before its first message. */
  #inboxAt: number | undefined
  #inboxTop = 0
  /** The cursor as it was answered last, and as far as it may be. */
  #acked = 0
  #asked = 0

  constructor(rig: Rig, userId: string, epoch: string) {
    this.#rig = rig
    this.#userId = userId
    this.#epoch = epoch
  }

  get isDone(): boolean {
    return this.#heard === PAST && this.#inboxTop === UNREAD
  }

  /** Resolves when it has so much of the room, which may be now. */
  reached(offset: number): Promise<void> {
    return new Promise((resolve) => {
      this.#target = { offset, resolve }
      this.#tellReached()
    })
  }

  async visit({ url }: ServerProcess): Promise<void> {
    this.#inboxAt = undefined
    const place = `${url.replace('http', 'ws')}/ws?user_id=${this.#userId}`
    const acknowledge = (offset: number) => void this.#acknowledge(offset, connecting)
    const hear = (message: Message) => this.#hear(message, acknowledge)
    const connecting = RawClient.connect(this.#rig.scope, place, hear)
    const client = await connecting
    await client.ask({ type: 'join_room', room: ROOM, since: { epoch: this.#epoch, offset: this.#heard } })
  }

  #hear(message: Message, acknowledge: (offset: number) => void): void {
    const { type, action, offset } = message
    if (action === 'gap' || action === 'reset') this.faults.push(`I1: ${this.#userId} is told ${action}`)
    if (type === 'chat_message') this.#hearRoom(offset)
    if (type === 'direct_message') this.#hearInbox(offset, acknowledge)
  }

  #hearRoom(offset: number): void {
    if (offset !== this.#heard + 1) this.faults.push(`I2: ${this.#userId} has ${offset} after ${this.#heard}`)
    this.#heard = offset
    this.#tellReached()
  }

  #tellReached(): void {
    if (this.#target !== undefined && this.#heard >= this.#target.offset) this.#target.resolve()
  }

  /** It goes on behind the cursor: neither before an acknowledgement that was answered, nor behind one never asked. */
  #hearInbox(offset: number, acknowledge: (offset: number) => void): void {
    const before = this.#inboxAt
    const fits = before === undefined ? offset > this.#acked && offset <= this.#asked + 1 : offset === before + 1
    if (!fits) {
      this.faults.push(
        `I3: ${this.#userId}'s inbox goes from ${before} to ${offset}, cursor ${this.#acked} to ${this.#asked}`
      )
    }
    this.#inboxAt = offset
    this.#inboxTop = Math.max(this.#inboxTop, offset)
    if (offset % ACK_EVERY === 0) acknowledge(offset)
  }

  async #acknowledge(offset: number, connecting: Promise<RawClient>): Promise<void> {
    this.#asked = Math.max(this.#asked, offset)
    const client = await connecting
    const answer = await client.ask({ type: 'inbox_ack', offset })
    if (answer?.type === 'ack') this.#acked = Math.max(this.#acked, answer.offset)
  }
}

export default row
