import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Message } from '../support/live-client.js'
import type { Client } from './client.js'
import type { FeedEar, Model } from './model.js'

/**
 * Judges one message of the server where it stands on the wire. Throws where it breaks an invariant (I1 to I4, I6):
 * whatever comes in has to be the next one of a channel that the client may hear, as it was acknowledged, or tell of a
 * loss that there is.
 */
export function hear(model: Model, client: Client, message: Message): void {
  switch (message.type) {
    case 'ack':
    case 'error':
    case 'heartbeat_ack':
      ok(client.conclude(message), `an answer that nobody asked for: ${JSON.stringify(message)}`)
      return
    case 'chat_message':
      hearStored(model, { channel: `room:${message.room}`, ear: client.ears.get(message.room), message })
      equal(message.user_id, model.stream(`room:${message.room}`).at(message.offset)?.from, 'the sender')
      return
    case 'direct_message':
      equal(message.to, client.model.user, 'I4: a directed message for somebody else')
      hearFeed(model, client, `user:${message.to}`, message)
      return
    case 'group_message':
      hearFeed(model, client, `group:${message.group}`, message)
      return
    case 'signal': {
      const { room, content, user_id } = message
      deepEqual({ room, content, user_id }, client.signals.shift(), 'I4: a signal that was meant for it')
      return
    }
    default:
      equal(message.type, 'system', `unexpected: ${JSON.stringify(message)}`)
      hearSystem(model, client, message)
  }
}

function hearFeed(model: Model, client: Client, channel: string, message: Message): void {
  hearStored(model, { channel, ear: client.feeds.get(channel), message })
  equal(message.from, model.stream(channel).at(message.offset)?.from, 'the sender')
}

function hearStored(
  model: Model,
  { channel, ear, message }: { channel: string; ear: FeedEar | undefined; message: Message }
): void {
  ok(ear !== undefined, `I4: ${channel} ${message.offset} was heard by one who is not in it`)
  const { upTo = 0 } = ear
  if (message.offset > ear.position && message.offset <= upTo + 1) ear.position = message.offset - 1
  ear.upTo = undefined
  equal(message.offset, ear.position + 1, `I2, I3: the next offset of ${channel}`)
  const stream = model.stream(channel)
  const stored = stream.at(message.offset)
  ok(stored !== undefined, `I4: ${channel} ${message.offset} was never acknowledged`)
  stream.epoch ??= message.epoch
  const expected = {
    id: stored.id,
    content: stored.content,
    epoch: stream.epoch,
    at: new Date(stored.at).toISOString()
  }
  const { message_id: id, content, epoch, timestamp: at } = message
  deepEqual({ id, content, epoch, at }, expected, `I3: ${channel} ${message.offset} as it was acknowledged`)
  ear.position = message.offset
}

function hearSystem(model: Model, client: Client, message: Message): void {
  const { action, room, group } = message
  if (action === 'connected') client.welcome = message
  else if (action === 'removed') hearRemoved(client, message)
  else if (action === 'user_joined' || action === 'user_left') hearMove(client, message)
  else if (action === 'gap') {
    const channel = channelOf(client, message)
    hearGap(model, channel, room === undefined ? client.feeds.get(channel) : client.ears.get(room), message)
  } else ok(false, `unexpected: ${JSON.stringify({ ...message, room, group })}`)
}

function channelOf(client: Client, { room, group }: Message): string {
  if (room !== undefined) return `room:${room}`
  return group === undefined ? `user:${client.model.user}` : `group:${group}`
}

/** I1: only what is really gone may be called a gap. */
function hearGap(model: Model, channel: string, ear: FeedEar | undefined, { epoch, from, to }: Message): void {
  ok(ear !== undefined, `I4: a gap of ${channel} for one who is not in it`)
  const stream = model.stream(channel)
  stream.epoch ??= epoch
  equal(epoch, stream.epoch)
  equal(from, ear.position + 1, `the gap of ${channel} begins after what was heard`)
  ok(
    to >= from && to < stream.oldest(model.now()),
    `I1: ${channel} is kept from ${stream.oldest(model.now())} on, ${to} is called a gap`
  )
  ear.position = to
}

function hearRemoved(client: Client, { room, group, reason }: Message): void {
  const channel = room === undefined ? `group:${group}` : `room:${room}`
  equal(reason, room === undefined ? 'left_group' : 'kicked')
  ok(client.removals.delete(channel), `nobody was put out of ${channel}`)
  if (room === undefined) client.feeds.delete(channel)
  else client.ears.delete(room)
}

/** I6: who came and went, never twice in a row. */
function hearMove(client: Client, { action, room, user_id: user, online_count: count }: Message): void {
  const ear = client.ears.get(room)
  ok(ear !== undefined, `I4: ${action} in ${room} for one who is not in it`)
  const came = action === 'user_joined'
  equal(ear.view.has(user), !came, `I6: ${action} of ${user} in ${room}, twice in a row`)
  if (came) ear.view.add(user)
  else ear.view.delete(user)
  equal(count, ear.view.size, `I6: the count that ${action} of ${user} in ${room} tells`)
}
