import { decodeMessage } from '../../src/store/record.js'
import type { StoredMessage } from '../../src/store/streams.js'
import type { SimulatedClient } from './client.js'
import type { Ear } from './ear.js'
import type { Draft } from './ledger.js'
import { hold } from './violation.js'
import type { World } from './world.js'

/** What Redis holds of a channel: the truth. */
export function logOf({ redis, keys }: World, channel: string): StoredMessage[] {
  const entries = redis.db.log(keys.log(channel))?.entries ?? []
  return entries.flatMap(({ record }) => decodeMessage(record) ?? [])
}

function newestOf({ redis, keys }: World, channel: string): StoredMessage | undefined {
  const entry = redis.db.log(keys.log(channel))?.entries.at(-1)
  return entry && decodeMessage(entry.record)
}

/** Whether every client has heard everything that it may, and no command of it is open. */
export function hasConverged(world: World): boolean {
  if (!world.clients.every(({ isAtRest }) => isAtRest)) return false
  return world.clients.every(
    (client) => hasAll(world, client) && [...client.ears.values()].every((ear) => isAtTop(world, ear))
  )
}

/** Whether it was sent all of its inbox: whatever follows on its device's cursor, and on what it heard since it is connected. */
function hasAll(world: World, client: SimulatedClient): boolean {
  const { inbox } = client
  if (!inbox.isOpen) return isAtTop(world, inbox)
  if (cursorOf(world, client) === topOf(world, inbox.channel)) return true
  // What it acknowledged may be lost, and not what it heard before: the cursor is behind what it needs.
  return world.ledger.losses.length > 0 && isAtTop(world, inbox)
}

/** Whether it stands at the newest message, and not at another that a loss made void. */
function isAtTop(world: World, { channel, begin, offset, heard }: Ear): boolean {
  if (offset !== topOf(world, channel)) return false
  const newest = newestOf(world, channel)
  return newest === undefined || offset <= begin || heard.get(offset) === newest.messageId
}

/** Judges what is left when everything has come to rest: I1, I3 and I5. Throws `Violation`. */
export function judge(world: World): void {
  const logs = new Map(channelsOf(world).map((channel) => [channel, logOf(world, channel)]))
  for (const [channel, log] of logs) judgeLog(channel, log)
  for (const draft of world.ledger.drafts.values()) judgeDraft(world, draft, logs.get(draft.channel) ?? [])
  for (const client of world.clients) {
    // What it heard on an earlier connection, and did not acknowledge, may have been lost without a word.
    if (client.inbox.isOpen) client.inbox.cutAfter(cursorOf(world, client))
    for (const ear of [...client.ears.values(), client.inbox]) judgeEar(client.state, ear, logs.get(ear.channel) ?? [])
  }
}

/** One order, without a hole, and one place for an id. */
function judgeLog(channel: string, log: readonly StoredMessage[]): void {
  const ids = new Set<string>()
  for (const [index, { offset, messageId }] of log.entries()) {
    hold(
      index === 0 || offset === (log[index - 1]?.offset ?? 0) + 1,
      () => `I2: ${channel} has a hole before ${offset}`
    )
    hold(!ids.has(messageId), () => `I3: ${messageId} stands twice in ${channel}, again at ${offset}`)
    ids.add(messageId)
  }
}

/** What was acknowledged stands where it was said to stand, unless Redis lost it. */
function judgeDraft({ ledger }: World, { id, channel, sentAt, receipts }: Draft, log: readonly StoredMessage[]): void {
  const stored = log.find(({ messageId }) => messageId === id)
  for (const { epoch, offset, at } of receipts) {
    const isThere = stored !== undefined && (epoch === '' || (stored.epoch === epoch && stored.offset === offset))
    const place = stored && `${stored.epoch} ${stored.offset}`
    hold(
      isThere || ledger.mayBeLost(sentAt, at),
      () => `I1, I5: ${id} was acknowledged at ${channel} ${epoch} ${offset}; it is at ${place}`
    )
  }
}

/** What a client has is what the channel has: all of it, and nothing else. */
function judgeEar(who: string, ear: Ear, log: readonly StoredMessage[]): void {
  const ids = new Map(log.map(({ offset, messageId }) => [offset, messageId]))
  for (const [offset, id] of ear.heard) {
    hold(
      ids.get(offset) === id,
      () => `I1: ${who} has ${id} at ${ear.channel} ${offset}, where ${ids.get(offset)} stands`
    )
  }
  for (const [offset, id] of ids) {
    const isMissing = offset > ear.begin && !ear.heard.has(offset) && !ear.isOpen
    hold(!isMissing, () => `I1: ${who} was never told of ${id} at ${ear.channel} ${offset}`)
  }
}

/** Why the presence is not what it should be on a node; undefined where it is. */
export async function presenceFault(world: World): Promise<string | undefined> {
  for (const room of world.rooms) {
    const users = [...new Set(world.clients.filter(({ ears }) => ears.has(room)).map(({ userId }) => userId))].sort()
    const connections = world.clients.filter(({ ears }) => ears.has(room)).length
    for (const { name, app } of world.nodes) {
      const counts = await app.rooms.counts(room)
      const { members } = await app.rooms.members(room, {})
      const told = `${room} on ${name}: ${JSON.stringify(counts)} ${members.map(({ user_id: user }) => user)}`
      if (counts.users !== users.length || counts.connections !== connections)
        return `${told}, not ${connections} ${users}`
      if (members.map(({ user_id: user }) => user).join() !== users.join()) return `${told}, not ${users}`
    }
  }
  const [node] = world.nodes
  const online = (await node?.app.store.presence.connections(world.users)) ?? []
  const wanted = world.users.map((user) => world.clients.filter(({ userId }) => userId === user).length)
  return online.join() === wanted.join() ? undefined : `online ${online}, not ${wanted}`
}

function channelsOf({ rooms, users }: World): string[] {
  return [...rooms.map((room) => `room:${room}`), ...users.map((user) => `user:${user}`)]
}

/** Where the client's device begins. */
function cursorOf({ redis, keys }: World, { userId, deviceId, inbox }: SimulatedClient): number {
  const cursor = redis.db.hash(keys.deviceCursors(userId, deviceId)).get(inbox.channel) ?? ':0'
  return Number(cursor.slice(cursor.lastIndexOf(':') + 1))
}

function topOf({ redis, keys }: World, channel: string): number {
  return Number(redis.db.hash(keys.meta(channel)).get('offset') ?? 0)
}
