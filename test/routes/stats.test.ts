import t, { type Test } from 'tap'
import type { Message } from '../support/live-client.js'
import { request, startServer } from '../support/server.js'
import { joined, publish, TIMESTAMP } from './wire.js'

const FIELDS = [
  'connection_count',
  'cpu_usage',
  'deliveries_per_second',
  'event_loop_delay_ms',
  'memory_usage',
  'messages_per_second',
  'node_id',
  'process_cpu_percent',
  'process_rss_bytes',
  'room_count',
  'timestamp',
  'uptime_seconds',
  'user_count'
]
const NUMBERS = FIELDS.filter((field) => field !== 'node_id' && field !== 'timestamp')

function checkSample(t: Test, sample: Message): void {
  t.same(Object.keys(sample).sort(), FIELDS)
  for (const field of NUMBERS) t.ok(Number.isFinite(sample[field]) && sample[field] >= 0, `${field}: ${sample[field]}`)
  for (const field of ['connection_count', 'user_count', 'room_count', 'process_rss_bytes']) {
    t.ok(Number.isInteger(sample[field]), `${field} is whole`)
  }
  for (const field of ['memory_usage', 'cpu_usage']) t.ok(sample[field] <= 100, `${field} is a percentage`)
  t.match(sample, { node_id: /./, timestamp: TIMESTAMP })
}

t.test('the online totals', async (t) => {
  const server = await startServer(t)
  const online = () => request(`${server.url}/online`)

  const { status, body } = await online()
  t.equal(status, 200)
  t.strictSame(body, { connections: 0, users: 0, rooms: 0, nodes: 1 }, 'of a server that nobody uses')

  const alice = await joined(server, 'lobby', 'alice')
  await joined(server, 'lobby', 'alice')
  await joined(server, 'other', 'bob')
  t.strictSame((await online()).body, { connections: 3, users: 2, rooms: 2, nodes: 1 }, 'users count once')

  await publish(server, 'posted-only', 'hi')
  t.equal((await online()).body.rooms, 2, 'a room without members is not counted')

  await server.connect('/ws?user_id=roomless')
  t.match((await online()).body, { connections: 4, users: 3 }, 'connections and users in no room count too')

  alice.socket.close(1000)
  await alice.closed()
  let totals = (await online()).body
  while (totals.connections !== 3) totals = (await online()).body
  t.match(totals, { users: 3, rooms: 2 })
})

t.test('the stats of the node', async (t) => {
  // The first sample is further away than this test lasts.
  const server = await startServer(t, { STATS_INTERVAL: 3600 })
  const stats = async () => (await request(`${server.url}/stats`)).body

  t.equal((await request(`${server.url}/stats`)).status, 200)
  const first = await stats()
  checkSample(t, first)
  t.match(first, { connection_count: 0, user_count: 0, room_count: 0 })
  t.ok(first.process_rss_bytes > 1_000_000)

  await t.test('counts are of the moment', async (t) => {
    await joined(server, 'lobby', 'alice')
    await joined(server, 'lobby', 'alice')
    await joined(server, 'other', 'bob')
    await server.connect()
    t.match(await stats(), { connection_count: 4, user_count: 2, room_count: 2, node_id: first.node_id })
  })

  await t.test('rates and percentages are 0 before the first sample', async (t) => {
    await publish(server, 'lobby', 'hi')
    const sample = await stats()
    t.equal(sample.messages_per_second, 0)
    t.equal(sample.deliveries_per_second, 0)
    for (const field of ['memory_usage', 'cpu_usage', 'process_cpu_percent']) t.equal(sample[field], 0, field)
    const history = await request(`${server.url}/stats/history`)
    t.equal(history.status, 200)
    t.strictSame(history.body, [])
  })

  await t.test('the uptime grows', async (t) => {
    let { uptime_seconds } = await stats()
    while (uptime_seconds <= first.uptime_seconds) uptime_seconds = (await stats()).uptime_seconds
    t.ok(uptime_seconds < 60)
  })
})

t.test('the history of the stats', async (t) => {
  const server = await startServer(t, { STATS_INTERVAL: 1, STATS_HISTORY: 2 })
  const samples = async (): Promise<Array<Message>> =>
    (await request(`${server.url}/stats/history`)).body as Array<Message>
  /** Asks until a sample says so. */
  const until = async (wanted: (all: Array<Message>) => boolean) => {
    for (;;) {
      const all = await samples()
      if (wanted(all)) return all
    }
  }
  await joined(server, 'lobby', 'alice')
  await joined(server, 'lobby', 'bob')

  await t.test('has one sample each STATS_INTERVAL, of the shape of the stats', async (t) => {
    const [sample] = await until((all) => all.length > 0)
    checkSample(t, sample ?? {})
    t.match(sample, { connection_count: 2, user_count: 2, room_count: 1 })
    t.ok(sample?.memory_usage > 0, 'the machine uses memory')
  })

  await t.test('counts messages and deliveries by the second', async (t) => {
    const before = (await samples()).at(-1)?.timestamp
    for (let number = 0; number < 10; number++) await publish(server, 'lobby', number)
    const isBusy = ({ timestamp, messages_per_second }: Message) => timestamp > before && messages_per_second > 0
    const sample = (await until((all) => all.some(isBusy))).find(isBusy)
    t.ok(sample?.messages_per_second <= 11, `${sample?.messages_per_second} messages`)
    t.ok(sample?.deliveries_per_second > 0, `${sample?.deliveries_per_second} deliveries`)
  })

  await t.test('keeps the newest, oldest first', async (t) => {
    const first = (await samples())[0]?.timestamp
    const kept = await until((all) => all.length === 2 && all[0]?.timestamp !== first)
    t.equal(kept.length, 2)
    const [older, newer] = kept.map(({ timestamp }) => Date.parse(timestamp))
    const apart = (newer ?? 0) - (older ?? 0)
    t.ok(apart >= 500 && apart < 5000, `${apart} ms apart`)
  })

  await t.test('the stats take rates and percentages of the last full sample', async (t) => {
    const all = await until(({ length }) => length > 0)
    const { memory_usage, timestamp } = (await request(`${server.url}/stats`)).body
    const after = await samples()
    t.ok(timestamp >= (all[0]?.timestamp ?? ''))
    t.ok([...all, ...after].some((sample) => sample.memory_usage === memory_usage))
  })
})
