import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { root } from '../support/root.js'
import { request } from '../support/server.js'
import { builtServer, spawnServer, startServerProcess } from '../support/server-process.js'

t.setTimeout(150_000)

const readme = readFileSync(path.join(root, 'README.md'), 'utf8')

t.test('the families of the example hold in a server of its own', async (t) => {
  const env = { ROOMS_MODULE: 'examples/rooms.js', DATA_DIR: 'memory' }
  const server = await startServerProcess(t, env, builtServer())
  const alice = await server.connect('/ws?user_id=alice')
  await alice.ask({ type: 'join_room', room: 'chat/7' })
  t.match(await alice.ask({ type: 'text', room: 'chat/7', content: { text: 'hello' } }), { type: 'ack', offset: 1 })
  t.match(await alice.next(({ type }) => type === 'text'), { content: { text: 'hello' }, user_id: 'alice' })
  t.match(await alice.ask({ type: 'image', room: 'chat/7', content: { url: 'https://x', width: 0 } }), {
    code: 'invalid_message',
    message: /^content\.width: /
  })

  const image = { type: 'image', content: { url: 'https://example.com/cat.png', width: 'wide' } }
  const posted = await request(`${server.url}/rooms/chat%2F7/messages`, { method: 'POST', body: image })
  t.match(readme, `\n${JSON.stringify(posted.body)}\n`, 'the answer stands in the README')

  const news = { type: 'text', content: { text: 'hello' } }
  const refusal = await alice.ask({ ...news, room: 'chat/news' })
  t.match(refusal, { code: 'forbidden', message: 'Only the editors write here' })
  t.equal((await request(`${server.url}/rooms/chat%2Fnews/messages`, { method: 'POST', body: news })).status, 201)

  await alice.ask({ type: 'join_room', room: 'event/1' })
  t.match(await alice.next(({ room }) => room === 'event/1'), { action: 'online_count', online_count: 1 })
  t.match(await alice.ask({ type: 'join_room', room: 'map/1/cars' }), { type: 'ack', online_count: 0 })
})

t.test('the example of the README is one of the families that are tried here', async (t) => {
  const [, definition = 'none'] = /export default \[\n( {2}defineRoom\('chat.*?\n {2}\}\))\n\]/s.exec(readme) ?? []
  t.ok(readFileSync(path.join(root, 'examples/rooms.js'), 'utf8').includes(definition), definition)
})

t.test('a settings module that is not there stops the start with one line that names the setting', async (t) => {
  const { child, output } = spawnServer(t, { ROOMS_MODULE: './nowhere.js', DATA_DIR: 'memory' })
  const [code] = await once(child, 'close')
  t.equal(code, 1)
  t.equal(output(), 'roomcast: ROOMS_MODULE: ./nowhere.js does not exist\n')
})
