import t, { type Test } from 'tap'
import { onEachStore, range } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { ManualClock } from '../support/manual-clock.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

t.setTimeout(60_000)

const SIZE = 10
const settings = { INBOX_SIZE: SIZE, RATE_LIMIT_PER_SECOND: 0 }

const connect = (server: TestServer, device: string) => server.connect(`/ws?user_id=bob&device_id=${device}`)

async function send(server: TestServer, count: number, content: unknown = 'x'): Promise<void> {
  const items = Array.from({ length: count }, () => ({ user: 'bob', content }))
  await request(`${server.url}/publish`, { method: 'POST', body: { items } })
}

const inboxOf = async (server: TestServer, device: string) =>
  (await request(`${server.url}/users/bob/inbox?device_id=${device}&limit=1000`)).body

/** What a device was told: the offsets of messages, and gaps as `FROM-TO`. */
function toldTo(client: LiveClient): Array<number | string> {
  return client.messages.flatMap(({ type, action, offset, from, to }): Array<number | string> => {
    if (type === 'direct_message') return [offset]
    return action === 'gap' || action === 'reset' ? [`${action} ${from}-${to}`] : []
  })
}

async function checkTold(t: Test, client: LiveClient, expected: unknown[]): Promise<void> {
  await until(() => toldTo(client).length >= expected.length)
  await client.ask({ type: 'heartbeat' })
  t.strictSame(toldTo(client), expected)
}

onEachStore('F41: a full inbox keeps the newest, and tells only those who miss something', async (t, start) => {
  const server = await start(settings)
  await send(server, 2)
  const seen = await connect(server, 'seen')
  await checkTold(t, seen, [1, 2])
  await seen.ask({ type: 'inbox_ack', offset: 2 })
  seen.terminate()
  await send(server, SIZE)
  t.match(await inboxOf(server, 'seen'), { cursor: 2, unacked: SIZE, offset: SIZE + 2 }, 'as many as fit: none is lost')
  const full = await connect(server, 'seen')
  await checkTold(t, full, range(3, SIZE + 2))
  full.terminate()
  await send(server, 5)
  t.match(await inboxOf(server, 'seen'), { cursor: 2, unacked: SIZE })
  await checkTold(t, await connect(server, 'seen'), ['gap 3-7', ...range(8, SIZE + 7)])
  await checkTold(t, await connect(server, 'fresh'), range(8, SIZE + 7))
})

/** Acknowledgements one after the other on an inbox with five messages, and the cursor or the error after each. */
const acknowledgements: Record<string, Array<[ack: Message, answer: number | string]>> = {
  'in order': [
    [{ offset: 1 }, 1],
    [{ offset: 2 }, 2],
    [{ offset: 5 }, 5]
  ],
  twice: [
    [{ offset: 3 }, 3],
    [{ offset: 3 }, 3]
  ],
  'out of order': [
    [{ offset: 4 }, 4],
    [{ offset: 2 }, 4],
    [{ offset: 5 }, 5],
    [{ offset: 0 }, 5]
  ],
  'of an unknown epoch': [
    [{ offset: 2 }, 2],
    [{ offset: 4, epoch: 'unknown' }, 2],
    [{ offset: 400, epoch: 'unknown' }, 2]
  ],
  'above the top': [
    [{ offset: 6 }, 'invalid_message'],
    [{ offset: 2 ** 53 }, 'invalid_message'],
    [{ offset: 5 }, 5]
  ],
  'that are none': [
    [{ offset: -1 }, 'invalid_message'],
    [{ offset: 1.5 }, 'invalid_message'],
    [{ offset: '1' }, 'invalid_message'],
    [{}, 'invalid_message'],
    [{ offset: 1, epoch: '' }, 'invalid_message'],
    [{ offset: 1 }, 1]
  ]
}

onEachStore('F41: acknowledgements move the cursor up and by nothing else', async (t, start) => {
  const server = await start(settings)
  await send(server, 5)
  for (const [name, steps] of Object.entries(acknowledgements)) {
    for (const how of ['socket', 'backend'] as const) {
      const device = encodeURIComponent(`${name} ${how}`)
      const client = await connect(server, device)
      for (const [ack, expected] of steps) {
        const overSocket = () => client.ask({ type: 'inbox_ack', ...ack })
        const body = { ...ack, device_id: `${name} ${how}` }
        const overHttp = async () =>
          (await request(`${server.url}/users/bob/inbox/ack`, { method: 'POST', body })).body as Message
        const answer = await (how === 'socket' ? overSocket() : overHttp())
        t.equal(answer.code ?? answer.offset, expected, `${name}, ${how}: ${JSON.stringify(ack)}`)
      }
      const cursor = steps.at(-1)?.[1] as number
      client.terminate()
      await checkTold(t, await connect(server, device), range(cursor + 1, 5))
    }
  }
})

onEachStore('F41: one device acknowledges while another drains, which misses nothing', async (t, start) => {
  const server = await start({ ...settings, INBOX_SIZE: 200, SLOW_CONSUMER_BYTES: 65_536 })
  await send(server, 60, 'x'.repeat(60_000))
  await send(server, 60, 'x'.repeat(60_000))
  const drains = await connect(server, 'b')
  drains.socket.pause()
  const acknowledges = await connect(server, 'a')
  for (let offset = 10; offset <= 120; offset += 10) {
    await until(() => toldTo(acknowledges).includes(offset))
    t.match(await acknowledges.ask({ type: 'inbox_ack', offset }), { offset })
  }
  t.ok(toldTo(drains).length < 120, 'the other has not drained yet')
  await send(server, 1)
  drains.socket.resume()
  await checkTold(t, drains, range(1, 121))
  await checkTold(t, acknowledges, range(1, 121))
  t.match(await inboxOf(server, 'b'), { cursor: 0, unacked: 121 })
  t.match(await inboxOf(server, 'a'), { cursor: 120, unacked: 1 })
})

t.test('F41: what is too old is gone, and told to a device that is younger than its cursor', async (t) => {
  const clock = new ManualClock()
  const server = await startServer(t, { ...settings, INBOX_TTL: 100, HEARTBEAT_TIMEOUT: 1_000_000 }, { clock })
  await send(server, 3)
  const phone = await connect(server, 'phone')
  await checkTold(t, phone, [1, 2, 3])
  await phone.ask({ type: 'inbox_ack', offset: 1 })
  phone.terminate()
  clock.advance(60_000)
  await send(server, 2)
  await request(`${server.url}/users/bob/inbox/ack`, { method: 'POST', body: { offset: 2, device_id: 'phone' } })
  clock.advance(39_000)
  t.match(await inboxOf(server, 'phone'), { cursor: 2, unacked: 3 }, 'a second before its end it is there')
  clock.advance(1000)
  t.match(await inboxOf(server, 'phone'), { cursor: 2, unacked: 2, offset: 5 })
  await checkTold(t, await connect(server, 'phone'), ['gap 3-3', 4, 5])
  await checkTold(t, await connect(server, 'fresh'), [4, 5])
})
