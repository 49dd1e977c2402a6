import assert from 'node:assert'
import type { Message } from '../../support/live-client.js'
import { request } from '../../support/server.js'
import { until } from '../../support/until.js'
import { meet, type Person } from '../rig/people.js'
import { untilReady } from '../rig/readiness.js'
import type { FaultRow } from '../rig/row.js'

const PEOPLE = 200
/** In each of which there are two people. */
const ROOMS = 10_000
const ROOMS_OF_ONE = 100
const ANSWERED_MS = 60_000

const row: FaultRow = {
  number: 'F1',
  fault: 'Redis is killed and starts empty, and a node has 10,000 rooms',
  ci: false,
  async run(rig) {
    const { redis, urls } = await rig.startCluster(1)
    const [url = ''] = urls
    const people = await Promise.all(
      Array.from({ length: PEOPLE }, (_, index) => meet({ scope: rig.scope, url, userId: `u${index}` }))
    )
    await askAll(people, (room) => ({ type: 'join_room', room }))
    await askAll(people.slice(0, PEOPLE / 2), (room) => ({ type: 'chat_message', room, content: 'before' }))
    await untilTrue(() => people.every((person) => count(person, 'chat_message') === ROOMS_OF_ONE))

    await redis.kill()
    await untilReady(url, false, 2000)
    await redis.restart()
    const recoveryMs = await untilReady(url, true, 5000)
    const { rooms, connections } = await totals(url)
    assert.deepEqual({ rooms, connections }, { rooms: ROOMS, connections: PEOPLE }, 'I6: as soon as it is ready')

    await untilTrue(() => people.every((person) => count(person, 'reset') === ROOMS_OF_ONE))
    await askAll(people.slice(0, PEOPLE / 2), (room) => ({ type: 'chat_message', room, content: 'after' }))
    await untilTrue(() => people.every((person) => count(person, 'chat_message') === 2 * ROOMS_OF_ONE))
    for (const person of people) judge(person)
    for (let number = 0; number < ROOMS; number += 500) {
      const { body } = await request(`${url}/rooms/room-${number}/online`)
      assert.deepEqual([body.online_count, body.connections], [2, 2], `I6: room-${number}`)
    }
    return {
      seen: `${ROOMS} rooms with two members each: every one was told \`reset\` and nobody left`,
      held: ['I1', 'I2', 'I4', 'I6', 'I9', 'I12', 'I14'],
      recoveryMs
    }
  }
}

export default row

/** Each asks in its rooms, one after the other. Throws where one is refused. */
async function askAll(people: readonly Person[], commandIn: (room: string) => object): Promise<void> {
  const askInTurn = async (person: Person) => {
    for (const room of roomsOf(person)) {
      const answer = await person.client.ask(commandIn(room))
      assert.equal(answer?.type, 'ack', JSON.stringify(answer))
    }
  }
  await Promise.all(people.map(askInTurn))
}

async function untilTrue(ask: () => boolean): Promise<void> {
  await until(ask, (isSo) => isSo, ANSWERED_MS)
}

function roomsOf({ userId }: Person): string[] {
  const first = (Number(userId.slice(1)) * ROOMS_OF_ONE) % ROOMS
  return Array.from({ length: ROOMS_OF_ONE }, (_, index) => `room-${first + index}`)
}

/** A push by its type, or by what of the system it tells. */
function kindOf({ type, action }: Message): string {
  return type === 'system' ? action : type
}

/** In all its rooms together: its inbox is reset as well. */
function count({ pushes }: Person, kind: string): number {
  return pushes.filter((push) => push.room !== undefined && kindOf(push) === kind).length
}

async function totals(url: string): Promise<{ rooms: number; connections: number }> {
  const { body } = await request(`${url}/stats`)
  return { rooms: body.room_count, connections: body.connection_count }
}

/** In each of its rooms one message, the reset, another message, in this order, and nobody who left. */
function judge(person: Person): void {
  for (const room of roomsOf(person)) {
    const heard = person.pushes
      .filter((push) => push.room === room && ['chat_message', 'reset'].includes(kindOf(push)))
      .map((push) => push.content ?? kindOf(push))
    assert.deepEqual(heard, ['before', 'reset', 'after'], `I2: ${person.userId} in ${room}`)
  }
  assert.equal(count(person, 'user_left'), 0, 'I6: nobody left')
}
