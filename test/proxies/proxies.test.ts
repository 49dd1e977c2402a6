import { readFile } from 'node:fs/promises'
import { type RequestOptions, request } from 'node:https'
import path from 'node:path'
import t, { type Test } from 'tap'
import { parseConfig } from '../../src/config.js'
import { LiveClient, type Message } from '../support/live-client.js'
import { root } from '../support/root.js'
import { startServer } from '../support/server.js'
import { SECRET, signToken } from '../support/tokens.js'
import { until } from '../support/until.js'
import { PROXY_TIMEOUT_S, proxyKinds, type RunningProxy, startProxy } from './proxy.js'

const KEY = 'a-key-of-the-backend'
/** Where the clients are; the proxies and the nodes have another address of this machine. */
const CLIENT = '127.0.0.2'

async function startNode(t: Test) {
  return await startServer(t, {
    JWT_SECRET: SECRET,
    API_KEYS: KEY,
    TRUST_PROXY: '127.0.0.1',
    // Connections have an address only where they are counted by it.
    MAX_CONNECTIONS_PER_IP: 100,
    HEARTBEAT_INTERVAL: 1
  })
}

async function join(t: Test, { host, ca }: RunningProxy, user: string, headers: Record<string, string> = {}) {
  const token = await signToken({ sub: user, exp: Math.floor(Date.now() / 1000) + 3600 })
  const options = { ca, localAddress: CLIENT, headers: { authorization: `Bearer ${token}`, ...headers } }
  const client = new LiveClient(`wss://${host}/ws`, options)
  t.teardown(() => client.terminate())
  await client.next(({ action }) => action === 'connected')
  await client.ask({ type: 'join_room', room: 'r' })
  return client
}

/** Asks as a backend; gives the status. */
async function ask({ host, ca }: RunningProxy, options: RequestOptions & { body?: unknown }): Promise<number> {
  const body = options.body === undefined ? '' : JSON.stringify(options.body)
  const headers = {
    authorization: `Bearer ${KEY}`,
    ...(body && { 'content-type': 'application/json' }),
    ...options.headers
  }
  const asked = request(`https://${host}`, { ca, localAddress: CLIENT, agent: false, ...options, headers })
  asked.end(body)
  return await new Promise((resolve, reject) => {
    asked.on('error', reject)
    asked.on('upgrade', ({ statusCode = 0 }, socket) => {
      socket.destroy()
      resolve(statusCode)
    })
    asked.on('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
  })
}

async function say(client: LiveClient, content: unknown, hearer = client): Promise<Message> {
  client.send({ type: 'chat_message', room: 'r', content })
  return await hearer.next((message) => message.type === 'chat_message' && message.content === content)
}

for (const [name, kind] of Object.entries(proxyKinds)) {
  t.test(`behind ${name}`, async (t) => {
    const { app, url } = await startNode(t)
    const proxy = await startProxy(t, kind, Number(new URL(url).port))
    const alice = await join(t, proxy, 'alice')

    await t.test('clients speak to each other and backends to them', async (t) => {
      const bob = await join(t, proxy, 'bob')
      t.match(await say(alice, 'hello', bob), { user_id: 'alice', offset: 1 })
      t.equal(await ask(proxy, { method: 'POST', path: '/rooms/r/messages', body: { content: 'from afar' } }), 201)
      await bob.next(({ content }) => content === 'from afar')
      bob.socket.close(1000)
      await bob.closed()
    })

    await t.test('the node sees the address of the client, whatever the client says of it', async (t) => {
      const liar = await join(t, proxy, 'liar', { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=192.0.2.1' })
      t.strictSame(new Set([...app.pool.all()].map(({ address }) => address)), new Set([CLIENT]))
      liar.terminate()
    })

    await t.test('pages of the same host may connect, those of others may not', async (t) => {
      const token = await signToken({ sub: 'page', exp: Math.floor(Date.now() / 1000) + 3600 })
      const upgrade = {
        path: '/ws',
        headers: {
          authorization: `Bearer ${token}`,
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=='
        }
      }
      const from = (origin: string) => ({ ...upgrade, headers: { ...upgrade.headers, origin } })
      t.equal(await ask(proxy, from(`https://${proxy.host}`)), 101)
      t.equal(await ask(proxy, from('https://elsewhere.example.com')), 403)
    })

    await t.test('a batch of megabytes comes through', async (t) => {
      const items = Array.from({ length: 50 }, () => ({ room: 'big', content: 'x'.repeat(60_000) }))
      t.equal(await ask(proxy, { method: 'POST', path: '/publish', body: { items } }), 200)
    })

    await t.test('a client that says nothing is kept for longer than the proxy would by itself', async (_t) => {
      let pings = 0
      alice.socket.on('ping', () => pings++)
      await until(() => pings > PROXY_TIMEOUT_S * 2)
      await say(alice, 'still here')
    })

    await t.test('a reload leaves those who are there where they are, and takes others in', async (t) => {
      proxy.process.kill(kind.reload)
      await until(async () => (await ask(proxy, { path: '/health/ready' })) === 200)
      const carol = await join(t, proxy, 'carol')
      await say(carol, 'after the reload', alice)
      await say(alice, 'heard', carol)
      carol.terminate()
    })

    await t.test('close codes come through', async (t) => {
      t.equal(await ask(proxy, { method: 'DELETE', path: '/users/alice/connections' }), 200)
      t.equal(await alice.closed(), 4501)
    })
  })

  t.test(`${name} waits for longer than the node does`, async (t) => {
    const text = await readFile(path.join(root, kind.file), 'utf8')
    const times = [...text.matchAll(/(?:proxy_(?:read|send)_timeout|timeout (?:client|server|tunnel)) +(\d+)s/g)]
    t.ok(times.length >= 2)
    for (const [setting, seconds] of times) t.ok(Number(seconds) > parseConfig({}).HEARTBEAT_TIMEOUT, setting)
  })
}
