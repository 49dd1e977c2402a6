import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import type { LiveClient, Message } from '../support/live-client.js'
import type { TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { allAnswered, chatOf, offsetsOf, onEachStore, range } from './each-store.js'

t.setTimeout(120_000)

const settings = { RATE_LIMIT_PER_SECOND: 0, HISTORY_SIZE: 100_000 }
const room = 'r'

/** Publishes as fast as the server answers until it is stopped; gives the last offset. */
function publishAlways(client: LiveClient): { stop(): Promise<number> } {
  let stopped = false
  const run = async () => {
    let answered = Promise.resolve({}) as Promise<Message>
    for (let n = 1; !stopped; n++) {
      client.send({ type: 'chat_message', room, content: n })
      if (n % 50 === 0) {
        await answered
        answered = client.ask({ type: 'chat_message', room, content: n })
      }
      if (n % 10 === 0) await nextTurn()
    }
    await allAnswered(client)
    const { offset } = await client.ask({ type: 'chat_message', room, content: 'the end' })
    return offset as number
  }
  const running = run()
  return {
    stop: () => {
      stopped = true
      return running
    }
  }
}

async function joiner(server: TestServer, name: string): Promise<LiveClient> {
  return await server.connect(`/ws?user_id=${name}`)
}

async function heardAll(client: LiveClient, last: number): Promise<void> {
  await until(() => chatOf(client, room).some(({ offset }) => offset === last))
}

onEachStore(
  'joins under fire get the answer first, then the replay, then live, without a hole or a repeat',
  async (t, start) => {
    const server = await start(settings)
    const publisher = await server.connect('/ws?user_id=publisher')
    const first = await publisher.ask({ type: 'chat_message', room, content: 0 })
    const fire = publishAlways(publisher)
    const asks: object[] = [{}, { since: { epoch: first.epoch, offset: 0 } }, { last: 50 }, { last: 1000 }]
    const joined: Array<{ client: LiveClient; ack: Message; ask: Message }> = []
    for (let round = 0; round < 6; round++) {
      for (const ask of asks) {
        const client = await joiner(server, `u${round}`)
        const ack = await client.ask({ type: 'join_room', room, ...ask })
        joined.push({ client, ack, ask })
      }
      const middle = { since: { epoch: first.epoch, offset: Math.floor((joined.at(-1)?.ack.offset ?? 0) / 2) } }
      const client = await joiner(server, `m${round}`)
      joined.push({ client, ack: await client.ask({ type: 'join_room', room, ...middle }), ask: middle })
    }
    const last = await fire.stop()
    for (const { client, ack, ask } of joined) {
      await heardAll(client, last)
      const heard = chatOf(client, room)
      const first = heard[0]?.offset as number
      if (ask.last === undefined) t.equal(first, (ask.since?.offset ?? ack.offset) + 1, JSON.stringify(ask))
      // What came in while the room was read may be counted into the top of the answer.
      else t.ok(first >= 1 && first <= Math.max(ack.offset - ask.last + 1, 1), `${first} for last ${ask.last}`)
      t.strictSame(offsetsOf(heard), range(first, last), JSON.stringify(ask))
      t.ok(client.messages.indexOf(ack) < client.messages.indexOf(heard[0] as Message), 'the answer comes first')
    }
    t.ok(last > 500, `${last} messages were under way`)
  }
)

onEachStore(
  'leaving and coming back under fire, since what was heard last, hears everything once',
  async (t, start) => {
    const server = await start(settings)
    const publisher = await server.connect('/ws?user_id=publisher')
    const { epoch } = await publisher.ask({ type: 'chat_message', room, content: 0 })
    const client = await joiner(server, 'alice')
    await client.ask({ type: 'join_room', room, since: { epoch, offset: 0 } })
    const fire = publishAlways(publisher)
    for (let round = 0; round < 40; round++) {
      const left = await client.ask({ type: 'leave_room', room })
      for (let turn = 0; turn < round; turn++) await nextTurn()
      const offset = chatOf(client, room).at(-1)?.offset ?? 0
      const joined = await client.ask({ type: 'join_room', room, since: { epoch, offset } })
      t.match(joined, { type: 'ack', recovered: 'full' })
      const between = client.messages.slice(client.messages.indexOf(left), client.messages.indexOf(joined))
      t.notOk(
        between.some(({ type }) => type === 'chat_message'),
        'nothing of the room is heard outside'
      )
    }
    const last = await fire.stop()
    await heardAll(client, last)
    t.strictSame(offsetsOf(chatOf(client, room)), range(1, last))
  }
)

onEachStore('leaving and coming back sent in one go loses nothing that the new place promises', async (t, start) => {
  const server = await start(settings)
  const publisher = await server.connect('/ws?user_id=publisher')
  const client = await joiner(server, 'alice')
  const fire = publishAlways(publisher)
  for (let round = 0; round < 30; round++) {
    client.send({ type: 'leave_room', room })
    client.send({ type: 'join_room', room, id: `join ${round}` })
    client.send({ type: 'leave_room', room })
  }
  const ack = await client.ask({ type: 'join_room', room })
  const last = await fire.stop()
  await heardAll(client, last)
  const heard = client.messages.slice(client.messages.indexOf(ack)).filter(({ type }) => type === 'chat_message')
  t.strictSame(offsetsOf(heard), range(ack.offset + 1, last))
})

onEachStore('joining again under fire without a position neither repeats nor loses anything', async (t, start) => {
  const server = await start(settings)
  const publisher = await server.connect('/ws?user_id=publisher')
  const client = await joiner(server, 'alice')
  const first = await client.ask({ type: 'join_room', room })
  const fire = publishAlways(publisher)
  for (let round = 0; round < 100; round++) await client.ask({ type: 'join_room', room })
  const last = await fire.stop()
  await heardAll(client, last)
  t.strictSame(offsetsOf(chatOf(client, room)), range(first.offset + 1, last))
})

onEachStore('joining again under fire with a position replays without a hole', async (t, start) => {
  const server = await start(settings)
  const publisher = await server.connect('/ws?user_id=publisher')
  const client = await joiner(server, 'alice')
  const { epoch } = await client.ask({ type: 'join_room', room })
  const fire = publishAlways(publisher)
  const acks: Message[] = []
  for (let round = 0; round < 20; round++) {
    const offset = Math.max((chatOf(client, room).at(-1)?.offset ?? 0) - 5, 0)
    acks.push(await client.ask({ type: 'join_room', room, since: { epoch, offset } }))
  }
  const last = await fire.stop()
  await heardAll(client, last)
  const offsets = offsetsOf(chatOf(client, room))
  const steps = offsets.slice(1).map((offset, index) => offset - (offsets[index] as number))
  t.strictSame(
    [...new Set(offsets)].sort((a, b) => a - b),
    range(1, last),
    'no hole'
  )
  t.notOk(
    steps.some((step) => step > 1),
    'never jumps ahead'
  )
  t.ok(steps.filter((step) => step < 1).length <= acks.length, 'goes back only where it was asked to')
})
