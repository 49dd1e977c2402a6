import t from 'tap'
import type { Replay } from '../../src/channels/channel-log.js'
import { publicationOf } from '../../src/channels/publication.js'
import { newestOf, readReplay, recoveryOf, startOf } from '../../src/rooms/join-replay.js'
import { fakeChannel } from '../channels/fake-channel.js'
import { FakeLog } from '../channels/fake-log.js'
import { span } from '../store/hearing.js'

function setUp(count: number) {
  const log = new FakeLog()
  const channel = fakeChannel({ read: log.read, pause: async () => {} })
  const messages = span(1, count).map((offset) => log.append(`${offset}`))
  channel.begin({ epoch: 'e1', offset: count })
  const offsetsOf = (page: Replay | undefined) => page?.publications.map(({ offset }) => offset)
  return { log, channel, messages, offsetsOf }
}

t.test('who asks for nothing is read nothing, and stands where the channel does', async (t) => {
  const { log, channel } = setUp(5)
  const page = await readReplay(channel, {})
  t.equal(page, undefined)
  t.equal(log.reads, 0)
  t.same(startOf(channel, page), { epoch: 'e1', offset: 5 })
  t.same(recoveryOf(page), { recovered: 'none' })
})

t.test('who says where it stood gets what follows', async (t) => {
  const { channel, offsetsOf } = setUp(5)
  const page = await readReplay(channel, { since: { epoch: 'e1', offset: 3, message_id: 'm3' } })
  t.same(offsetsOf(page), [4, 5])
  t.same(startOf(channel, page), { epoch: 'e1', offset: 3 })
  t.same(recoveryOf(page), { recovered: 'full' })
  const atTop = await readReplay(channel, { since: { epoch: 'e1', offset: 5 } })
  t.same(offsetsOf(atTop), [])
  t.match(startOf(channel, atTop), { epoch: 'e1', offset: 5 })
  t.same(recoveryOf(atTop), { recovered: 'full' })
})

t.test('a place of which something is gone is told the gap, and a void one the reset', async (t) => {
  const { log, channel, offsetsOf } = setUp(9)
  log.trim(5)
  const gap = await readReplay(channel, { since: { epoch: 'e1', offset: 2 } })
  t.same(offsetsOf(gap), [5, 6, 7, 8, 9])
  t.same(startOf(channel, gap), { epoch: 'e1', offset: 4 })
  t.same(recoveryOf(gap), { recovered: 'gap', gap: { from: 3, to: 4 } })
  const reset = await readReplay(channel, { since: { epoch: 'void', offset: 7 } })
  t.same(offsetsOf(reset), [5, 6, 7, 8, 9])
  t.same(startOf(channel, reset), { epoch: 'e1', offset: 4 })
  t.same(recoveryOf(reset), { recovered: 'reset' })
  log.trim(10)
  const nothing = await readReplay(channel, { since: { epoch: 'e1', offset: 2 } })
  t.same(offsetsOf(nothing), [])
  t.same(startOf(channel, nothing), { epoch: 'e1', offset: 9 }, 'where everything is gone, at the top')
  t.same(recoveryOf(nothing), { recovered: 'gap', gap: { from: 3, to: 9 } })
})

t.test('who asks for the newest gets so many, as far as there are any', async (t) => {
  const { log, channel, offsetsOf } = setUp(9)
  const page = await readReplay(channel, { last: 3 })
  t.same(offsetsOf(page), [7, 8, 9])
  t.same(startOf(channel, page), { epoch: 'e1', offset: 6 })
  t.same(recoveryOf(page), { recovered: 'full' })
  t.same(offsetsOf(await readReplay(channel, { last: 0 })), [])
  log.trim(8)
  const trimmed = await readReplay(channel, { last: 5 })
  t.same(offsetsOf(trimmed), [8, 9])
  t.same(recoveryOf(trimmed), { recovered: 'full' }, 'nobody was promised the others')
  const since = { epoch: 'e1', offset: 8 }
  t.same(offsetsOf(await readReplay(channel, { since, last: 1 })), [9], 'a place comes before a number')
})

t.test('a store that is away is told', async (t) => {
  const { log, channel } = setUp(3)
  log.failing = true
  await t.rejects(readReplay(channel, { last: 1 }))
  await t.rejects(readReplay(channel, { since: { epoch: 'e1', offset: 0 } }))
})

t.test('where a page begins is the epoch of its first message', async (t) => {
  const { channel, messages } = setUp(2)
  const publications = messages.map((message) => publicationOf({ ...message, epoch: `e${message.offset}` }))
  const page: Replay = { top: { epoch: 'e2', offset: 2 }, publications, hasMore: false, continuity: 'contiguous' }
  t.same(startOf(channel, page), { epoch: 'e1', offset: 0 })
})

t.test('a join answers the newest that the node heard or the page knew', async (t) => {
  const heard = { epoch: 'e1', offset: 5 }
  t.equal(newestOf(heard, undefined), heard)
  t.equal(newestOf(heard, { epoch: 'e1', offset: 4 }), heard)
  t.equal(newestOf(heard, { epoch: 'e1', offset: 5 }), heard)
  t.same(newestOf(heard, { epoch: 'e1', offset: 6 }), { epoch: 'e1', offset: 6 })
})
