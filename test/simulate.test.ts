import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import { ArgumentError, parseArguments } from '../examples/simulate/arguments.js'
import { findDisorder } from '../examples/simulate/order.js'
import { moduleExtension, moduleRunner } from './support/root.js'
import { startServer } from './support/server.js'
import { SECRET } from './support/tokens.js'

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the tool as a process of its own, in a folder without a `.env`. */
async function runTool(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const program = fileURLToPath(new URL(`../examples/simulate${moduleExtension}`, import.meta.url))
  const options = { cwd: os.tmpdir(), env: { ...process.env, ...env } }
  return await new Promise((resolve) => {
    execFile(process.execPath, [...moduleRunner, program, ...argv], options, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr })
    )
  })
}

/** What the fake server makes of a message, as the list of messages that a client gets. */
type Treatment = (message: FakeMessage, client: number) => FakeMessage[]

interface FakeMessage {
  readonly type: string
  readonly message_id: string
  readonly offset: number
}

/** Speaks just enough of the protocol to lie. */
async function startFakeServer(t: Test, treat: Treatment): Promise<string> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  t.teardown(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  const clients: WebSocket[] = []
  let offset = 0
  server.on('connection', (socket) => {
    const send = (message: object, to = socket) => to.send(JSON.stringify(message))
    clients.push(socket)
    send({ type: 'system', action: 'connected' })
    socket.on('message', (data) => {
      const { type, id, room, message_id } = JSON.parse(data.toString())
      if (type === 'heartbeat') return send({ type: 'heartbeat_ack' })
      if (type === 'join_room') return send({ type: 'ack', id, room, offset: 0 })
      const message = { type: 'chat_message', room, message_id, epoch: 'e', offset: ++offset }
      for (const [index, client] of clients.entries()) for (const each of treat(message, index)) send(each, client)
      send({ type: 'ack', id, room })
    })
  })
  await once(server, 'listening')
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('ten clients hear fifty messages each from a server of its own', async (t) => {
  const { code, stdout, stderr } = await runTool([], { HOST: '127.0.0.1', PORT: '0' })
  t.equal(code, 0, stderr)
  t.match(
    stdout,
    /10 clients, 5 messages each, in room \S+ of a server of its own in memory, at ws:\/\/127\.0\.0\.1:\d+/
  )
  t.match(stdout, /delivered +500 of 500\n/)
  t.match(stdout, /one order for all +yes\n/)
  t.match(stdout, /latency p50 +[\d.]+ ms\n +latency p99 +[\d.]+ ms\n +messages per second +\d+ sent, \d+ delivered\n/)
})

t.test('the server that runs with the settings is found', async (t) => {
  const server = await startServer(t)
  const { port } = new URL(server.url)
  const argv = ['--clients', '2', '--messages', '1', '--room', 'hall']
  const { code, stdout } = await runTool(argv, { HOST: '127.0.0.1', PORT: port })
  t.equal(code, 0)
  t.match(stdout, `in room hall of the running server at ws://127.0.0.1:${port}\n`)
  t.match(stdout, 'delivered            4 of 4\n')
  t.equal((await server.app.rooms.top('hall'))?.offset, 2)
})

t.test('a named server is used, and what its room had before does not matter', async (t) => {
  const server = await startServer(t)
  await server.app.rooms.publish({ room: 'hall', content: '"earlier"', userId: null })
  const url = server.url.replace('http', 'ws')
  const { code, stdout } = await runTool(['--url', url, '--clients', '3', '--messages', '2', '--room', 'hall'])
  t.equal(code, 0)
  t.match(stdout, `of the server at ${url}\n`)
  t.match(stdout, 'delivered            18 of 18\n')
})

t.test('a rate limit is waited for', async (t) => {
  const server = await startServer(t, { RATE_LIMIT_PER_SECOND: 40, RATE_LIMIT_BURST: 4 })
  const url = server.url.replace('http', 'ws')
  const { code, stdout } = await runTool(['--url', url, '--clients', '2', '--messages', '20'])
  t.equal(code, 0)
  t.match(stdout, 'delivered            80 of 80\n')
})

t.test('what is missing is told', async (t) => {
  const url = await startFakeServer(t, (message, client) => (message.offset === 4 && client === 1 ? [] : [message]))
  const { code, stdout } = await runTool(['--url', url, '--clients', '3', '--messages', '2', '--timeout', '2'])
  t.equal(code, 1)
  t.match(stdout, 'delivered            17 of 18\n')
  t.match(stdout, /one order for all +no: simulated-\S+-2 heard offset 5 where 4 was due\n/)
  t.match(stdout, /failed +gave up after 2 seconds\n/)
})

t.test('two messages that changed places are told, though all are there', async (t) => {
  let kept: FakeMessage[] = []
  const url = await startFakeServer(t, (message, client) => {
    if (client !== 0 || message.offset > 2) return [message]
    kept = [message, ...kept]
    return message.offset === 1 ? [] : kept
  })
  const { code, stdout } = await runTool(['--url', url, '--clients', '2', '--messages', '2'])
  t.equal(code, 1)
  t.match(stdout, 'delivered            8 of 8\n')
  t.match(stdout, /one order for all +no: simulated-\S+-1 heard offset 2 where 1 was due\n/)
})

t.test('a server that closes, and one that is not there, end it', async (t) => {
  const gone = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  gone.on('connection', (socket) => socket.close(1012))
  await once(gone, 'listening')
  const url = `ws://127.0.0.1:${(gone.address() as AddressInfo).port}`
  const closed = await runTool(['--url', url])
  t.equal(closed.code, 1)
  t.match(closed.stdout, /failed +simulated-\S+ was closed with 1012\n/)
  gone.close()
  await once(gone, 'close')
  const refused = await runTool(['--url', url])
  t.equal(refused.code, 1)
  t.match(refused.stdout, /failed +.*ECONNREFUSED/)
})

t.test('wrong arguments are named', async (t) => {
  for (const argv of [
    ['--clients', '0'],
    ['--messages', '1.5'],
    ['--messages', '99999999999'],
    ['--timeout', 'soon'],
    ['--url', 'http://127.0.0.1'],
    ['--url', 'somewhere'],
    ['--room', '..'],
    ['--speed', '9']
  ]) {
    t.throws(
      () => parseArguments(argv),
      { constructor: ArgumentError, message: new RegExp(argv[0] as string) },
      argv.join(' ')
    )
  }
})

t.test('wrong arguments and settings end with 2 and one line', async (t) => {
  const wrongArgument = await runTool(['--clients', '0'])
  t.same(wrongArgument, {
    code: 2,
    stdout: '',
    stderr: 'simulate: --clients: expected a whole number from 1 to 1000000 instead of "0" (--help tells more)\n'
  })
  const wrongSetting = await runTool([], { PORT: 'x' })
  t.match(wrongSetting, { code: 2, stdout: '', stderr: /^simulate: PORT: .*\n$/ })
})

t.test('help is no failure', async (t) => {
  const { code, stdout } = await runTool(['--help'])
  t.equal(code, 0)
  for (const name of ['clients', 'messages', 'room', 'url', 'timeout']) t.match(stdout, `--${name}`)
})

t.test('each run has a room of its own unless one is named', async (t) => {
  t.not(parseArguments([])?.room, parseArguments([])?.room)
  t.match(parseArguments([]), { clients: 10, messages: 5, timeoutMs: 30_000, url: undefined })
})

t.test('disorder is a hole, a repetition, or another message at the same place', async (t) => {
  const log = (name: string, offsets: number[], joinedAt = 0, id = (offset: number) => `m${offset}`) => ({
    name,
    joinedAt,
    heard: offsets.map((offset) => ({ epoch: 'e', offset, messageId: id(offset) }))
  })
  t.equal(findDisorder([log('a', [1, 2, 3]), log('b', [3], 2), log('c', [])]), undefined)
  t.equal(findDisorder([log('a', [1, 3])]), 'a heard offset 3 where 2 was due')
  t.equal(findDisorder([log('a', [1, 1])]), 'a heard offset 1 where 2 was due')
  t.equal(findDisorder([log('a', [2], 0)]), 'a heard offset 2 where 1 was due')
  t.equal(
    findDisorder([log('a', [1, 2]), log('b', [1, 2], 0, (offset) => `n${offset}`)]),
    'b heard another message than the others at offset 1'
  )
})

t.test('where the server asks for tokens they are signed with JWT_SECRET', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET })
  const argv = ['--clients', '2', '--messages', '1', '--url', server.url.replace('http', 'ws')]
  t.match(await runTool(argv, { JWT_SECRET: SECRET }), { code: 0 })
})
