import t from 'tap'
import { ManualClock } from '../support/manual-clock.js'
import { startServer } from '../support/server.js'
import { handshake } from './raw-socket.js'

t.setTimeout(60_000)

async function startNode(settings: { HANDSHAKES_PER_SECOND: number }) {
  const clock = new ManualClock()
  // A session that is given up is there for the one that comes back.
  const server = await startServer(t, { ...settings, PRESENCE_GRACE: 10 }, { clock })
  const taken = async (count: number) => {
    const answers = []
    for (let n = 0; n < count; n++) answers.push((await handshake(t, server.url)).status)
    return answers.filter((status) => status === 101).length
  }
  return { clock, server, taken }
}

t.test('beyond the budget a handshake is 503 with Retry-After, until there is room', async (t) => {
  const { clock, server, taken } = await startNode({ HANDSHAKES_PER_SECOND: 2 })
  t.equal(await taken(4), 4)
  const refused = await handshake(t, server.url)
  t.match(refused, { status: 503, headers: { 'retry-after': '1' }, body: { code: 'overloaded', retry_after_ms: 250 } })
  t.equal(refused.socket, undefined)
  t.match(await handshake(t, server.url), { status: 503, body: { retry_after_ms: 500 } }, 'the next one a little later')
  clock.advance(250)
  t.equal(await taken(2), 1)
  clock.advance(60_000)
  t.equal(await taken(10), 4)
})

t.test('who joins pays the rest, and who resumes does not', async (t) => {
  const { clock, server, taken } = await startNode({ HANDSHAKES_PER_SECOND: 2 })
  const fresh = await server.connect('/ws?user_id=alice')
  await fresh.ask({ type: 'join_room', room: 'r' })
  await fresh.ask({ type: 'join_room', room: 's' })
  t.equal(await taken(10), 2, 'one of two tokens is left')

  clock.advance(60_000)
  const { session_id, resume_token } = fresh.messages[0] ?? {}
  const back = await server.connect('/ws?user_id=alice')
  t.match(await back.ask({ type: 'resume', session_id, resume_token }), { type: 'ack' })
  await back.ask({ type: 'join_room', room: 't' })
  t.equal(await taken(10), 3)

  clock.advance(60_000)
  const lost = await server.connect('/ws?user_id=bob')
  t.match(await lost.ask({ type: 'resume', session_id, resume_token: 'wrong' }), { code: 'session_not_found' })
  await lost.ask({ type: 'join_room', room: 'r' })
  t.equal(await taken(10), 2)
})

t.test('refused handshakes are counted by their reason', async (t) => {
  const { server, taken } = await startNode({ HANDSHAKES_PER_SECOND: 1 })
  t.equal(await taken(3), 2)
  await handshake(t, server.url, { path: '/ws?user_id=..' })
  await handshake(t, server.url, { headers: { origin: 'https://evil.example' } })
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  for (const [reason, count] of Object.entries({ origin: 1, id: 1, draining: 0, limit: 0, budget: 1 })) {
    t.match(metrics, `roomcast_refused_handshakes_total{reason="${reason}"} ${count}`)
  }
})
