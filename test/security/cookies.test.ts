import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { handshake } from '../live/raw-socket.js'
import { root } from '../support/root.js'
import { request, startServer } from '../support/server.js'
import { SECRET, signToken } from '../support/tokens.js'

const KEY = 'a-key-of-the-backend'

t.test('a cookie is nobody’s credential, whatever is in it', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET, API_KEYS: KEY })
  const token = await signToken({ sub: 'alice', exp: Math.floor(Date.now() / 1000) + 60 })
  const cookie = `token=${token}; authorization=Bearer ${KEY}; session=${token}`
  t.equal((await handshake(t, server.url, { headers: { cookie, origin: 'https://evil.example' } })).status, 403)
  const client = await server.connect('/ws', { headers: { cookie } })
  t.equal(client.messages[0]?.user_id, null)
  t.match(await client.ask({ type: 'join_room', room: 'r' }), { code: 'unauthenticated' })
  t.equal((await request(`${server.url}/rooms`, { headers: { cookie } })).status, 401)
})

t.test('nothing reads or sets cookies', async (t) => {
  for (const folder of ['src', 'plugins', 'routes']) {
    for (const name of readdirSync(path.join(root, folder), { recursive: true }).map(String)) {
      if (!name.endsWith('.ts')) continue
      t.notMatch(readFileSync(path.join(root, folder, name), 'utf8'), /cookie/i, path.join(folder, name))
    }
  }
})
