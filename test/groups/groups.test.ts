import { randomUUID } from 'node:crypto'
import t from 'tap'
import { offsetsOf, onEachStore } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer } from '../support/server.js'
import { until } from '../support/until.js'

interface Node {
  readonly url: string
}

const member = (method: 'PUT' | 'DELETE', { url }: Node, group: string, user: string) =>
  request(`${url}/groups/${group}/members/${user}`, { method })
const post = ({ url }: Node, group: string, body: object) =>
  request(`${url}/groups/${group}/messages`, { method: 'POST', body })

/** Messages of a group that a client was sent, in the order they came. */
const heardIn = (client: LiveClient, group: string): Message[] =>
  client.messages.filter((message) => message.type === 'group_message' && message.group === group)
const contents = (client: LiveClient, group: string) => heardIn(client, group).map(({ content }) => content)

onEachStore('members hear what members and backends send, on every connection, others nothing', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice&device_id=phone')
  const laptop = await server.connect('/ws?user_id=alice&device_id=laptop')
  const bob = await server.connect('/ws?user_id=bob')
  const mallory = await server.connect('/ws?user_id=mallory')
  t.equal((await member('PUT', server, 'staff', 'alice')).status, 204)
  t.equal((await member('PUT', server, 'staff', 'bob')).status, 204)
  t.equal((await member('PUT', server, 'staff', 'bob')).status, 204, 'again changes nothing')

  const sent = await alice.ask({ type: 'group_message', group: 'staff', content: { text: 'hi' } })
  t.match(sent, { type: 'ack', group: 'staff', offset: 1, epoch: String, duplicate: false, message_id: String })
  const posted = await post(server, 'staff', { content: 2, from: 'shop', message_id: 'm2' })
  t.match(posted, { status: 201, body: { group: 'staff', offset: 2, message_id: 'm2' } })
  t.match(await post(server, 'staff', { content: 2, message_id: 'm2' }), { status: 200, body: { duplicate: true } })
  for (const client of [alice, laptop, bob]) {
    await until(() => heardIn(client, 'staff').length === 2)
    t.match(heardIn(client, 'staff'), [
      { group: 'staff', from: 'alice', content: { text: 'hi' }, offset: 1, epoch: sent.epoch, timestamp: String },
      { group: 'staff', from: 'shop', content: 2, offset: 2, message_id: 'm2' }
    ])
  }
  t.match(await mallory.ask({ type: 'group_message', group: 'staff', content: 1 }), { code: 'forbidden' })
  t.match(await mallory.ask({ type: 'read_history', group: 'staff' }), { code: 'forbidden' })
  t.match(await mallory.ask({ type: 'inbox_ack', group: 'staff', offset: 1 }), { code: 'forbidden' })
  t.strictSame(heardIn(mallory, 'staff'), [])
})

onEachStore('a member hears nothing from before its membership or after it', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice')
  await post(server, 'staff', { content: 'before' })
  await member('PUT', server, 'staff', 'alice')
  await post(server, 'staff', { content: 'first' })
  await until(() => contents(alice, 'staff').length === 1)
  await member('DELETE', server, 'staff', 'alice')
  await alice.next(({ action, group, reason }) => action === 'removed' && group === 'staff' && reason === 'left_group')
  t.match(await alice.ask({ type: 'group_message', group: 'staff', content: 1 }), { code: 'forbidden' })
  await post(server, 'staff', { content: 'between' })
  await member('PUT', server, 'staff', 'alice')
  await post(server, 'staff', { content: 'again' })
  await until(() => contents(alice, 'staff').length === 2)
  t.strictSame(contents(alice, 'staff'), ['first', 'again'])
  const history = await alice.ask({ type: 'read_history', group: 'staff' })
  t.match(history, { group: 'staff', offset: 4, has_more: false })
  t.strictSame(offsetsOf(history.messages), [4], 'the history of a member begins at its own membership')
  const all = await request(`${server.url}/groups/staff/history`)
  t.strictSame(offsetsOf(all.body.messages), [1, 2, 3, 4], 'a backend reads all of it')
  alice.terminate()

  const back = await server.connect('/ws?user_id=alice')
  await until(() => contents(back, 'staff').length === 1)
  t.strictSame(contents(back, 'staff'), ['again'], 'an earlier cursor does not outlive its membership')
})

onEachStore('what came while a device was away is sent anew until it is acknowledged', async (t, start) => {
  const server = await start()
  await member('PUT', server, 'staff', 'alice')
  for (let n = 1; n <= 5; n++) await post(server, 'staff', { content: n })
  const first = await server.connect('/ws?user_id=alice')
  await until(() => contents(first, 'staff').length === 5)
  t.match(await first.ask({ type: 'inbox_ack', group: 'staff', offset: 3 }), { type: 'ack', offset: 3 })
  t.match(await first.ask({ type: 'inbox_ack', group: 'staff', offset: 1 }), { type: 'ack', offset: 3 }, 'never back')
  t.match(await first.ask({ type: 'inbox_ack', group: 'staff', offset: 6 }), { code: 'invalid_message' })
  first.terminate()
  const again = await server.connect('/ws?user_id=alice')
  await until(() => contents(again, 'staff').length === 2)
  await post(server, 'staff', { content: 6 })
  await until(() => contents(again, 'staff').length === 3)
  t.strictSame(contents(again, 'staff'), [4, 5, 6])
  const other = await server.connect('/ws?user_id=alice&device_id=other')
  await until(() => contents(other, 'staff').length === 6)
  t.strictSame(contents(other, 'staff'), [1, 2, 3, 4, 5, 6], 'another device begins where the membership did')
})

onEachStore('beyond the retention a member is told the gap', async (t, start) => {
  const server = await start({ INBOX_SIZE: 3 })
  await member('PUT', server, 'staff', 'alice')
  for (let n = 1; n <= 5; n++) await post(server, 'staff', { content: n })
  const alice = await server.connect('/ws?user_id=alice')
  await until(() => contents(alice, 'staff').length === 3)
  t.match(await alice.next(({ action }) => action === 'gap'), { group: 'staff', from: 1, to: 2 })
  t.strictSame(contents(alice, 'staff'), [3, 4, 5])
})

onEachStore('groups and members are listed in pages, and end', async (t, start) => {
  const server = await start({ MAX_GROUPS_PER_USER: 3 })
  const users = ['a', 'b', 'c', 'd', 'e']
  for (const user of users) await member('PUT', server, 'staff', user)
  const first = await request(`${server.url}/groups/staff/members?limit=3`)
  t.match(first.body, { group: 'staff', members: [{ user_id: 'a', added_at: String }, {}, { user_id: 'c' }] })
  const rest = await request(`${server.url}/groups/staff/members?limit=3&cursor=${first.body.next_cursor}`)
  t.match(rest.body, { members: [{ user_id: 'd' }, { user_id: 'e' }], next_cursor: null })

  for (const group of ['x', 'w']) await member('PUT', server, group, 'a')
  const full = await member('PUT', server, 'too-many', 'a')
  t.match(full, { status: 403, body: { code: 'forbidden' } })
  await member('PUT', server, 'x', 'a')
  const groups = await request(`${server.url}/users/a/groups?limit=2`)
  t.match(groups.body, { user_id: 'a', groups: [{ group: 'staff' }, { group: 'w' }], next_cursor: 'w' })
  const more = await request(`${server.url}/users/a/groups?cursor=w`)
  t.match(more.body, { groups: [{ group: 'x', added_at: String }], next_cursor: null })

  const alice = await server.connect('/ws?user_id=a')
  await post(server, 'staff', { content: 1 })
  await until(() => contents(alice, 'staff').length === 1)
  t.equal((await request(`${server.url}/groups/staff`, { method: 'DELETE' })).status, 204)
  await alice.next(({ action, group }) => action === 'removed' && group === 'staff')
  t.match((await request(`${server.url}/groups/staff/members`)).body, { members: [], next_cursor: null })
  t.match((await request(`${server.url}/users/a/groups`)).body.groups, [{ group: 'w' }, { group: 'x' }])
  t.match((await request(`${server.url}/groups/staff/history`)).body, { offset: 1, messages: [] })
  await member('PUT', server, 'staff', 'a')
  t.match(await post(server, 'staff', { content: 2 }), { body: { offset: 2 } }, 'its positions go on')
})

onEachStore('nobody anonymous is in a group', async (t, start) => {
  const server = await start()
  t.match(await member('PUT', server, 'staff', 'anonymous:1'), { status: 400, body: { code: 'invalid_id' } })
  const anonymous = await server.connect('/ws')
  t.match(await anonymous.ask({ type: 'group_message', group: 'staff', content: 1 }), { code: 'forbidden' })
  t.match(await anonymous.ask({ type: 'group_message', group: '', content: 1 }), { code: 'invalid_id' })
  t.match(await anonymous.ask({ type: 'read_history', group: 'g', room: 'r' }), { code: 'invalid_message' })
  t.match(await anonymous.ask({ type: 'read_history' }), { code: 'invalid_message' })
})

t.test('a change of membership is felt on every node, and kept when the process ends', async (t) => {
  const settings = { REDIS_URL: (await startRedis(t)).url, REDIS_PREFIX: randomUUID() }
  const [near, far] = [await startServer(t, settings), await startServer(t, settings)] as const
  const alice = await far.connect('/ws?user_id=alice')
  await member('PUT', near, 'staff', 'alice')
  await post(near, 'staff', { content: 1 })
  await until(() => contents(alice, 'staff').length === 1)
  await member('DELETE', near, 'staff', 'alice')
  await alice.next(({ action, group }) => action === 'removed' && group === 'staff')
  await member('PUT', near, 'staff', 'alice')
  await post(near, 'staff', { content: 2 })
  await until(() => contents(alice, 'staff').length === 2)
  const third = await startServer(t, settings)
  const laptop = await third.connect('/ws?user_id=alice&device_id=laptop')
  await until(() => contents(laptop, 'staff').length === 1)
  t.strictSame(contents(laptop, 'staff'), [2])
})
