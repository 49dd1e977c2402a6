import t from 'tap'
import { range } from '../live/each-store.js'
import { request } from '../support/server.js'
import { startServerProcess, temporaryFolder } from '../support/server-process.js'
import { until } from '../support/until.js'
import { contentsOf, listen } from './listener.js'

t.test('the server is killed and started again: nothing acknowledged is lost, nothing comes twice', async (t) => {
  const DATA_DIR = await temporaryFolder(t)
  let server = await startServerProcess(t, { DATA_DIR })
  const { url } = server
  const { port } = new URL(url)
  // Not at once while nobody is there, and never long.
  const alice = await listen(t, { url, userId: 'alice', random: () => 0.05 })
  const bob = await listen(t, { url, userId: 'bob', random: () => 0.05 })
  await Promise.all([alice.client.join('r'), bob.client.join('r')])
  const total = 120
  let acknowledged = 0
  const publishing = Promise.all(
    range(1, total).map(async (n) => {
      await alice.client.publish('r', n)
      acknowledged++
    })
  )
  for (const kills of [1, 2]) {
    await until(() => acknowledged > kills * 30)
    await server.end('SIGKILL')
    server = await startServerProcess(t, { DATA_DIR, PORT: port })
  }
  await publishing
  await until(() => bob.messages.length >= total)
  for (const listener of [alice, bob]) {
    await until(() => listener.messages.length >= total)
    t.strictSame(contentsOf(listener), range(1, total))
    t.strictSame(listener.losses, [])
  }
  const { body } = await request(`${url}/rooms/r/history?limit=1000`)
  t.strictSame(
    body.messages.map(({ content }: { content: number }) => content),
    range(1, total)
  )
})

t.test('a server that forgets everything tells so, and the room goes on', async (t) => {
  const first = await startServerProcess(t, { DATA_DIR: 'memory' })
  const { port } = new URL(first.url)
  const alice = await listen(t, { url: first.url, userId: 'alice', random: () => 0.05 })
  await alice.client.join('r')
  await alice.client.publish('r', 'before')
  await first.end('SIGTERM')
  await startServerProcess(t, { DATA_DIR: 'memory', PORT: port })
  await until(() => alice.client.state === 'connected')
  await alice.client.publish('r', 'after')
  await until(() => alice.messages.length === 2)
  t.strictSame(
    alice.messages.map(({ content, offset }) => [content, offset]),
    [
      ['before', 1],
      ['after', 1]
    ]
  )
  t.match(alice.losses, [{ room: 'r', offset: 0 }])
})
