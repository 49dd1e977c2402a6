import t from 'tap'
import { request, startServer } from '../support/server.js'
import { joined, publish, roomUrl } from './wire.js'

t.test('two servers in one process know nothing of each other', async (t) => {
  const [one, other] = [await startServer(t), await startServer(t)]
  const [here, there] = [await joined(one, 'lobby', 'alice'), await joined(other, 'lobby', 'bob')]
  await publish(one, 'lobby', 'here')
  await publish(one, 'lobby', 'again')
  await publish(other, 'lobby', 'there')
  t.match(await here.collect('chat_message', 2), [{ content: 'here' }, { content: 'again' }])
  t.match(await there.collect('chat_message', 1), [{ content: 'there', offset: 1 }])

  const [state, otherState] = [await request(roomUrl(one, 'lobby')), await request(roomUrl(other, 'lobby'))]
  t.match(state.body, { online_count: 1, connections: 1, offset: 2 })
  t.match(otherState.body, { online_count: 1, connections: 1, offset: 1 })
  t.not(state.body.epoch, otherState.body.epoch)

  const [stats, otherStats] = [await request(`${one.url}/stats`), await request(`${other.url}/stats`)]
  t.not(stats.body.node_id, otherStats.body.node_id)
  t.match((await request(`${one.url}/online`)).body, { connections: 1, users: 1, rooms: 1, nodes: 1 })

  const messages = async (url: string) =>
    /^roomcast_messages_total (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]
  t.equal(await messages(one.url), '2')
  t.equal(await messages(other.url), '1')
})
