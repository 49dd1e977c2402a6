import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Message } from '../support/live-client.js'
import type { Client } from './client.js'
import type { World } from './world.js'

export interface Draft {
  /** `room:…`, `group:…` or `user:…`. */
  readonly channel: string
  readonly id?: string | undefined
  readonly content: unknown
  /** Undefined for a backend. */
  readonly client?: Client | undefined
}

const durabilities = { memory: 'memory', disk: 'disk', redis: 'redis' } as const

/** What a publish says on the wire. */
export async function send(world: World, draft: Draft): Promise<Message> {
  const { client, channel, id, content } = draft
  const [kind = '', name = ''] = splitChannel(channel)
  const body = { content, ...(id !== undefined && { message_id: id }) }
  if (client === undefined) {
    const url = { room: `/rooms/${name}/messages`, group: `/groups/${name}/messages`, user: `/users/${name}/messages` }[
      kind
    ]
    const answer = await world.rest({ method: 'POST', url: url ?? '', body })
    if (answer.status > 201) return { type: 'error', ...answer.body }
    equal(answer.status, answer.body.duplicate ? 200 : 201)
    return { type: 'ack', ...answer.body }
  }
  client.model.begun = true
  const types = { room: 'chat_message', group: 'group_message', user: 'direct_message' } as Record<string, string>
  const target = { room: { room: name }, group: { group: name }, user: { to: name } }[kind]
  return await client.ask({ type: types[kind], ...target, ...body })
}

export function splitChannel(channel: string): [kind: string, name: string] {
  const colon = channel.indexOf(':')
  return [channel.slice(0, colon), channel.slice(colon + 1)]
}

/**
 * I3, I5: an acknowledged message stands at the next offset, once; the same id again answers the first one's place.
 * Answers that were asked for together have to be given in the order of their offsets.
 */
export function accept(world: World, draft: Draft, answer: Message): void {
  const { model, host } = world
  const { channel, id, content, client } = draft
  equal(answer.type, 'ack', `a publish was not acknowledged: ${JSON.stringify(answer)}`)
  equal(answer.durable, durabilities[host.store])
  const stream = model.stream(channel)
  const known = id === undefined ? undefined : stream.known(id, model.now())
  const told = splitChannel(channel)[0] !== 'user' || client === undefined
  equal(answer.duplicate, known !== undefined, `I5: duplicate, of ${id} in ${channel}`)
  if (told) {
    stream.epoch ??= answer.epoch
    equal(answer.epoch, stream.epoch)
    equal(answer.offset, known ?? stream.top + 1, `I2, I3: the offset of ${id} in ${channel}`)
  }
  if (id !== undefined) equal(answer.message_id, id)
  ok(typeof answer.message_id === 'string')
  if (known === undefined) {
    stream.add({ id: answer.message_id, content, from: client?.model.user ?? null, at: model.now() })
  }
  const stored = stream.at(known ?? stream.top)
  equal(answer.timestamp, new Date(stored?.at ?? 0).toISOString(), 'the time of the first')
}

/** What of a channel is kept reads as it was acknowledged. */
export function compare(world: World, channel: string, messages: readonly Message[], from: number): void {
  const stream = world.model.stream(channel)
  const first = Math.max(from, stream.oldest(world.model.now()))
  const kept = stream.log.slice(first - 1).map(({ id, content }, index) => ({ offset: first + index, id, content }))
  const read = messages.map(({ offset, message_id: id, content }) => ({ offset, id, content }))
  deepEqual(read, kept, `I1: the history of ${channel}`)
}
