import t from 'tap'
import { LiveClient } from '../support/live-client.js'
import { request } from '../support/server.js'
import { startServerProcess } from '../support/server-process.js'

const SECRET = 'what-nobody-else-is-to-read'
const FORGED = '{"level":60,"msg":"forged"}'

t.test('whatever is sent, the log is one object a line, and tells nothing of it', async (t) => {
  const server = await startServerProcess(t, { LOG_LEVEL: 'trace', DATA_DIR: 'memory' })
  const { url } = server
  const headers = {
    cookie: `c=${SECRET}`,
    'request-id': SECRET,
    'x-request-id': SECRET,
    authorization: `Bearer ${SECRET}`
  }
  const client = new LiveClient(`${url.replace('http', 'ws')}/ws?user_id=alice&x=${SECRET}`, { headers })
  t.teardown(() => client.terminate())
  await client.next(({ action }) => action === 'connected')
  for (const room of ['r', `\r\n${FORGED}\r\n`, `${SECRET}\u2028${FORGED}`]) {
    await client.ask({ type: 'join_room', room })
    await client.ask({ type: 'chat_message', room, content: SECRET })
    await client.ask({ type: 'direct_message', to: 'alice', content: SECRET })
    const path = `${url}/rooms/${encodeURIComponent(room)}`
    await request(`${path}/messages`, { method: 'POST', body: { content: SECRET }, headers })
    await request(`${path}/messages`, { method: 'POST', body: `{"content":"${SECRET}`, headers })
    await request(`${path}/nowhere?x=${SECRET}%0a${FORGED}`, { headers })
  }
  client.raw(`${SECRET}\n${FORGED}`)
  client.raw(Buffer.from(SECRET))
  t.equal(await client.closed(), 1003)
  const lines = server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
  for (const line of lines) t.doesNotThrow(() => JSON.parse(line), line)
  t.notMatch(server.output(), SECRET)
  t.notMatch(server.output(), '"level":60')
})
