import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { RestartableRedis } from '../store/restartable-redis.js'
import { startRedis } from '../support/redis-server.js'
import { root } from '../support/root.js'
import { request } from '../support/server.js'
import {
  type Environment,
  nodeOptionsOf,
  spawnServer,
  startServerProcess,
  temporaryFolder
} from '../support/server-process.js'
import { until } from '../support/until.js'

/** Starts a server that must not come up, and gives its exit code and the lines it wrote. */
async function failedStart(t: Test, env: Environment, cwd?: string): Promise<{ code: number; lines: string[] }> {
  const { child, output } = spawnServer(t, env, cwd)
  const [code] = await once(child, 'close')
  return { code, lines: output().trim().split('\n') }
}

t.test('the start says where it listens, what it keeps, who may come in, and where page and docs are', async (t) => {
  const server = await startServerProcess(t, { DATA_DIR: await temporaryFolder(t), LOG_LEVEL: 'silent' })
  const lines = server.output().trim().split('\n')
  t.match(lines[0], /^Roomcast \d+\.\d+\.\d+ listens on http:\/\/127\.0\.0\.1:\d+$/)
  for (const word of ['live', 'page', 'docs', 'store', 'users', 'keys']) {
    t.ok(
      lines.some((line) => line.startsWith(`  ${word}`)),
      word
    )
  }
})

t.test('a setting that is wrong stops the start with one line that names it', async (t) => {
  const { code, lines } = await failedStart(t, { HISTORY_SIZE: 'many', DATA_DIR: 'memory' })
  t.equal(code, 1)
  t.equal(lines.length, 1)
  t.match(lines[0], /^roomcast: HISTORY_SIZE: /)
})

t.test('an unknown name in .env stops the start with one line that names it', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(path.join(folder, '.env'), 'DATA_DIR=memory\nHISTORY_SIZ=5\n')
  const { code, lines } = await failedStart(t, {}, folder)
  t.equal(code, 1)
  t.strictSame(lines, ['roomcast: HISTORY_SIZ: no such setting (in .env)'])
})

t.test('beyond loopback the server does not start unguarded', async (t) => {
  const keyless = await failedStart(t, { HOST: '0.0.0.0', DATA_DIR: 'memory' })
  t.match(keyless, { code: 1, lines: [/API_KEYS/] })
  const open = await failedStart(t, { HOST: '0.0.0.0', DATA_DIR: 'memory', API_KEYS: 'a-key-of-sixteen-letters' })
  t.match(open, { code: 1, lines: [/ALLOW_ANONYMOUS/] })
})

t.test('a folder that another server holds stops the start, and is free as soon as that one is killed', async (t) => {
  const DATA_DIR = await temporaryFolder(t)
  const first = await startServerProcess(t, { DATA_DIR })
  const second = await failedStart(t, { DATA_DIR })
  t.match(second, { code: 1, lines: [/DATA_DIR .* is in use by another process/] })
  t.equal(second.lines.length, 1)
  await first.end('SIGKILL')
  await startServerProcess(t, { DATA_DIR })
})

t.test('a folder that cannot be made and a port that is taken stop the start', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(path.join(folder, 'file'), '')
  t.match(await failedStart(t, { DATA_DIR: path.join(folder, 'file', 'data') }), {
    code: 1,
    lines: [/^roomcast: DATA_DIR/]
  })

  await mkdir(path.join(folder, 'broken', 'roomcast.mdb'), { recursive: true })
  t.match(await failedStart(t, { DATA_DIR: path.join(folder, 'broken') }), { code: 1, lines: [/^roomcast: DATA_DIR/] })

  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  t.match(await failedStart(t, { PORT: String(port), DATA_DIR: 'memory' }), { code: 1, lines: [/EADDRINUSE/] })
})

t.test('a HOST that is none of this machine stops the start with one line that names it', async (t) => {
  const guards = { API_KEYS: 'a-key-of-sixteen-letters', ALLOW_ANONYMOUS: 'true', DATA_DIR: 'memory' }
  for (const HOST of ['192.0.2.1', 'no-such-host.invalid']) {
    const { code, lines } = await failedStart(t, { ...guards, HOST })
    t.equal(code, 1)
    t.equal(lines.length, 1)
    t.match(lines[0], `roomcast: HOST: ${HOST} is no address of this machine`)
  }
})

t.test('a Redis that refuses the credentials, and one that is none, stop the start with one line', async (t) => {
  const redis = await startRedis(t, ['--requirepass', 'right'])
  for (const REDIS_URL of [`redis://:secret@127.0.0.1:${redis.port}`, `redis://127.0.0.1:${redis.port}`]) {
    const refused = await failedStart(t, { REDIS_URL })
    t.match(refused, { code: 1, lines: [/^roomcast: REDIS_URL .*(WRONGPASS|NOAUTH)/] })
    t.equal(refused.lines.length, 1)
    t.notMatch(refused.lines.join('\n'), /secret/)
  }
  const stranger = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
  t.teardown(() => stranger.close())
  await once(stranger, 'listening')
  const { port } = stranger.address() as AddressInfo
  const noRedis = await failedStart(t, { REDIS_URL: `redis://127.0.0.1:${port}` })
  t.match(noRedis, { code: 1, lines: [/^roomcast: REDIS_URL .*RESP type/] })
  t.equal(noRedis.lines.length, 1)
})

t.test('without its Redis a server starts, refuses what it cannot do, and is there when Redis comes', async (t) => {
  const redis = await RestartableRedis.start(t)
  await redis.kill()
  const server = await startServerProcess(t, { REDIS_URL: redis.url, LOG_LEVEL: 'silent' })
  const ready = () => request(`${server.url}/health/ready`)
  t.match(await ready(), { status: 503, body: { reason: 'Redis is not connected' } })
  t.equal((await request(`${server.url}/health/live`)).status, 200)
  const publish = () =>
    request(`${server.url}/rooms/r/messages`, { method: 'POST', body: { content: 1, message_id: 'one' } })
  t.match(await publish(), {
    status: 503,
    body: { code: 'store_unavailable', retry_after_ms: 1000, message_id: 'one' }
  })
  const handshake = await request(`${server.url}/ws?user_id=a`, {
    headers: { connection: 'upgrade', upgrade: 'websocket' }
  }).catch(() => undefined)
  t.not(handshake?.status, 101)
  await redis.restart()
  await until(async () => (await ready()).status === 200)
  t.match(await publish(), { status: 201, body: { offset: 1 } })
  const client = await server.connect('/ws?user_id=a')
  t.match(await client.ask({ type: 'join_room', room: 'r', last: 1 }), { type: 'ack', offset: 1, online_count: 1 })
  t.match((await request(`${server.url}/online`)).body, { nodes: 1, connections: 1 })
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} answers what was asked, closes connections with 1012 and ends with 0`, async (t) => {
    const DATA_DIR = await temporaryFolder(t)
    const server = await startServerProcess(t, { DATA_DIR })
    const client = await server.connect('/ws?user_id=alice')
    const closed = client.closed()
    for (let n = 1; n <= 50; n++) client.send({ type: 'chat_message', id: `m${n}`, room: 'lobby', content: n })
    await client.next(({ type }) => type === 'ack')
    const ended = server.end(signal)
    // `npm start` and a terminal may each deliver the signal: the second one means the same.
    server.process.kill(signal)
    t.match(await ended, { code: 0, signal: null })
    t.equal(await closed, 1012)

    const acknowledged = client.messages.filter(({ type }) => type === 'ack').map(({ offset }) => offset)
    const after = await startServerProcess(t, { DATA_DIR })
    const { body } = await request(`${after.url}/rooms/lobby/history?limit=100`)
    const stored = body.messages.map(({ offset }: { offset: number }) => offset)
    t.strictSame(
      acknowledged.filter((offset) => !stored.includes(offset)),
      []
    )
  })
}

t.test('a Redis that throws away keys is warned of', async (t) => {
  const kept = await startServerProcess(t, { REDIS_URL: (await startRedis(t)).url, LOG_LEVEL: 'warn' })
  const { url } = await startRedis(t, ['--maxmemory-policy', 'allkeys-lru'])
  const server = await startServerProcess(t, { REDIS_URL: url, LOG_LEVEL: 'warn' })
  await until(() => server.output().includes('"policy":"allkeys-lru"'))
  t.match(server.output(), /maxmemory-policy to noeviction/)
  t.notMatch(kept.output(), /maxmemory-policy/)
})

t.test('`npm start` and the command of the package give Node the same options', async (t) => {
  const { scripts, bin } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  const source = path.join(root, bin.roomcast.replace('dist/', '').replace('.js', '.ts'))
  const options = nodeOptionsOf(source)
  t.ok(options.length > 0)
  t.match(scripts.start, ` node ${options.join(' ')} ${bin.roomcast}`)
})
