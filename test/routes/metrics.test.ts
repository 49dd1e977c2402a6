import t from 'tap'
import { startServer, type TestServer } from '../support/server.js'
import { joined, post, publish, rawRequest, roomUrl } from './wire.js'

const SERIES = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (-?[\d.e+-]+|\+Inf|-Inf|NaN)$/

async function scrape(server: TestServer): Promise<{ status: number; type: string | null; lines: string[] }> {
  const response = await fetch(`${server.url}/metrics`)
  const lines = (await response.text()).split('\n').filter((line) => line !== '')
  return { status: response.status, type: response.headers.get('content-type'), lines }
}

async function readMetric(server: TestServer, name: string): Promise<number> {
  const line = (await scrape(server)).lines.find((text) => text.startsWith(`${name} `))
  return Number(line?.split(' ')[1])
}

/** Names with labels; what the runtime does by itself comes and goes. */
async function seriesOf(server: TestServer): Promise<string[]> {
  const { lines } = await scrape(server)
  const own = lines.filter((line) => !line.startsWith('#') && !/^roomcast_(nodejs|process)_/.test(line))
  return own.map((line) => SERIES.exec(line)?.slice(1, 3).join('') ?? line)
}

t.test('the metrics', async (t) => {
  const server = await startServer(t)

  await t.test('are Prometheus text, each described and named roomcast_', async (t) => {
    const { status, type, lines } = await scrape(server)
    t.equal(status, 200)
    t.match(type, /^text\/plain; version=0\.0\.4/)
    const described = new Set<string>()
    for (const line of lines) {
      const [, comment, name] = /^# (HELP|TYPE) (\S+) /.exec(line) ?? []
      if (comment === 'TYPE') described.add(name ?? '')
      if (line.startsWith('#')) t.match(name, /^roomcast_/, line)
      else t.match(line, SERIES)
    }
    for (const line of lines.filter((text) => !text.startsWith('#'))) {
      const name = SERIES.exec(line)?.[1] ?? ''
      t.match(name, /^roomcast_/)
      t.ok(described.has(name) || described.has(name.replace(/_(bucket|sum|count)$/, '')), `${name} has a type`)
    }
  })

  await t.test('follow connections and messages', async (t) => {
    const gone = await joined(server, 'lobby', 'alice')
    await joined(server, 'lobby', 'alice')
    await joined(server, 'lobby', 'bob')
    const before = await readMetric(server, 'roomcast_messages_total')
    await publish(server, 'lobby', 'hi')
    t.equal(await readMetric(server, 'roomcast_messages_total'), before + 1)
    t.equal(await readMetric(server, 'roomcast_connections'), 3)
    t.equal(await readMetric(server, 'roomcast_users'), 2)
    t.equal(await readMetric(server, 'roomcast_rooms'), 1)
    gone.terminate()
    while ((await readMetric(server, 'roomcast_connections')) !== 2);
  })

  await t.test('do not grow with rooms, users, ids or paths', async (t) => {
    const visit = async (name: string) => {
      const member = await joined(server, name, name)
      await publish(server, name, name)
      await post(roomUrl(server, name, '/messages'), { content: name, message_id: name })
      await post(roomUrl(server, name, '/messages'), { content: name, message_id: 1 })
      await post(`${server.url}/publish`, { items: [{ room: name, content: name }] })
      await post(`${server.url}/broadcast`, { content: name })
      for (const rest of ['', '/online', '/members', '/history']) await fetch(roomUrl(server, name, rest))
      await fetch(`${server.url}/rooms?prefix=${name}`)
      await rawRequest(server, `/${name}/${name}`)
      await rawRequest(server, `/rooms/${name}`, { method: 'PURGE' })
      await rawRequest(server, `/rooms/%zz${name}`)
      member.terminate()
    }
    await visit('name-first')
    await visit('name-second')
    const before = await seriesOf(server)
    for (let number = 0; number < 200; number++) await visit(`name-${number}`)
    const after = await seriesOf(server)
    t.same(after.sort(), before.sort())
    t.notMatch((await scrape(server)).lines.join('\n'), /name-/)
  })

  await t.test('give quotation marks and line feeds of clients no way in', async (t) => {
    await publish(server, 'a"} 1\\', 'x')
    await rawRequest(server, '/rooms/a%22%7D%201%0Aroomcast_fake%201')
    await rawRequest(server, '/%22%7D%0Aroomcast_fake')
    const { lines } = await scrape(server)
    t.notOk(lines.some((line) => line.includes('fake')))
  })
})
