import { setTimeout as sleep } from 'node:timers/promises'
import type { Scope } from '../../support/scope.js'
import { request } from '../../support/server.js'
import { until } from '../../support/until.js'
import type { Random } from '../support/random.js'
import { RawClient } from '../support/raw-client.js'
import type { CreateJitterClient, JitterClient } from './client.js'
import { Tally } from './tally.js'

export interface JitterOptions {
  /** Of the nodes; a client takes the next one each time. */
  readonly urls: readonly string[]
  readonly create: CreateJitterClient
  readonly clients: number
  readonly rooms: number
  readonly roomsPerClient: number
  readonly seconds: number
  /** Messages a second in each room. */
  readonly rate: number
  /** How long a client lives, on average. */
  readonly lifeMs: number
  readonly awayMs: number
  readonly random: Random
}

export interface JitterOutcome {
  readonly tally: Tally
  readonly published: number
  /** What the clients in the rooms are to hear. */
  readonly expected: number
}

interface Member {
  readonly name: string
  readonly rooms: readonly string[]
  readonly client: JitterClient
}

interface Acknowledged {
  readonly offset: number
  readonly messageId: string
}

/** Connects that are under way at once, at the beginning and at the end. */
const CONNECTING_MAX = 50

/** Clients that are killed again and again while messages go out; at the end all are back and have heard everything. */
export async function runJitter(scope: Scope, options: JitterOptions): Promise<JitterOutcome> {
  const tally = new Tally()
  const rooms = Array.from({ length: options.rooms }, (_, index) => `room${index}`)
  const members = createMembers(options, rooms, tally)
  scope.teardown(() => {
    for (const { client } of members) client.end()
  })
  await inSlices(members, (member) => connect(member, tally))

  const end = performance.now() + options.seconds * 1000
  const lives = members.map((member) => live(member, { options, tally, end }))
  const publishing = rooms.map((room, index) => publish(scope, room, { options, index, end }))
  const acknowledged = await Promise.all(publishing)
  await Promise.all(lives)

  const tops = new Map(rooms.map((room, index) => [room, acknowledged[index]?.at(-1)?.offset ?? 0]))
  await waitForAll(members, tops, tally)
  for (const [index, room] of rooms.entries()) {
    for (const { offset, messageId } of acknowledged[index] ?? []) tally.checkAcknowledged(room, offset, messageId)
  }
  await checkPresence(members, rooms, options, tally)
  const expected = members.flatMap((member) => member.rooms).reduce((sum, room) => sum + (tops.get(room) ?? 0), 0)
  return { tally, published: acknowledged.flat().length, expected }
}

function createMembers(
  { urls, create, clients, roomsPerClient, random }: JitterOptions,
  rooms: string[],
  tally: Tally
) {
  return Array.from({ length: clients }, (_, index): Member => {
    const name = `client${index}`
    const mine = Array.from({ length: roomsPerClient }, (_, place) => rooms[(index + place) % rooms.length] as string)
    let next = random.integer(0, urls.length - 1)
    const client = create({
      url: () => urls[next++ % urls.length] as string,
      userId: name,
      rooms: mine,
      onMessage: (message) => tally.hear(name, message),
      onOutcome: (outcome) => tally.count(outcome)
    })
    return { name, rooms: mine, client }
  })
}

async function inSlices(members: readonly Member[], run: (member: Member) => Promise<void>): Promise<void> {
  for (let start = 0; start < members.length; start += CONNECTING_MAX) {
    await Promise.all(members.slice(start, start + CONNECTING_MAX).map(run))
  }
}

async function connect({ client, name, rooms }: Member, tally: Tally): Promise<void> {
  while (!(await client.connect())) {
    tally.count('connect failed')
    client.kill()
    await sleep(100)
  }
  tally.back(name, rooms)
}

interface Run {
  readonly options: JitterOptions
  readonly end: number
}

async function live(member: Member, { options, tally, end }: Run & { tally: Tally }): Promise<void> {
  const { random, lifeMs, awayMs } = options
  // The first ones do not all end together.
  for (let lifeOf = () => random.next() * lifeMs; ; lifeOf = () => (0.5 + random.next()) * lifeMs) {
    const life = lifeOf()
    if (performance.now() + life >= end) return
    await sleep(life)
    member.client.kill()
    tally.gone(member.name, member.rooms)
    await sleep(awayMs)
    await connect(member, tally)
  }
}

/** Sends to one room until the end, and gives what was acknowledged. */
async function publish(
  scope: Scope,
  room: string,
  { options: { urls, rate }, index, end }: Run & { index: number }
): Promise<Acknowledged[]> {
  const url = urls[index % urls.length] as string
  const client = await RawClient.connect(scope, `${url.replace('http', 'ws')}/ws?user_id=publisher${index}`)
  const acknowledged: Acknowledged[] = []
  for (let n = 1; performance.now() < end; n++) {
    const messageId = `${room} ${n}`
    const content = { sentAt: performance.now() }
    const answer = await client.ask({ type: 'chat_message', room, content, message_id: messageId })
    if (answer?.type !== 'ack') throw new Error(`${messageId} was answered ${JSON.stringify(answer)}`)
    acknowledged.push({ offset: answer.offset, messageId })
    await sleep(1000 / rate)
  }
  return acknowledged
}

async function waitForAll(members: readonly Member[], tops: ReadonlyMap<string, number>, tally: Tally): Promise<void> {
  const missing = () =>
    members.flatMap(({ name, rooms }) =>
      rooms.filter((room) => !tally.isComplete(name, room, tops.get(room) ?? 0)).map((room) => `${name} in ${room}`)
    )
  await until(
    () => missing().length,
    (count) => count === 0,
    30_000
  ).catch(() => {})
  for (const one of missing()) tally.violations.push(`${one} has not heard everything`)
}

/** All are back before their grace was over: each counts once, and was never gone. */
async function checkPresence(members: readonly Member[], rooms: string[], options: JitterOptions, tally: Tally) {
  for (const url of options.urls) {
    for (const room of rooms) {
      const expected = members.filter((member) => member.rooms.includes(room)).length
      const read = async () => (await request(`${url}/rooms/${room}/online`)).body
      // Connections that dropped count as such until their grace is over.
      await until(read, ({ online_count }) => online_count === expected, 30_000).catch(({ message }) =>
        tally.violations.push(`${room}: ${message}`)
      )
    }
  }
}
