import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { FORKS_MAX } from '../../src/store/continuity.js'
import { OrderedScript } from '../../src/store/redis/ordered-script.js'
import { RedisStreams } from '../../src/store/redis/redis-streams.js'
import type { RunWatch } from '../../src/store/redis/run-watch.js'
import { publishScript } from '../../src/store/redis/stream-scripts.js'
import type { Position, Streams } from '../../src/store/streams.js'
import { fill, freshChannel, Hearing, offsetsOf, post, span, until } from './hearing.js'
import { bystander, type RedisNodeUnderTest, startedStreams } from './redis-harness.js'
import { RestartableRedis } from './restartable-redis.js'

async function opened(t: Test): Promise<RedisNodeUnderTest & { server: RestartableRedis; prefix: string }> {
  const server = await RestartableRedis.start(t)
  const prefix = randomUUID()
  return { ...(await startedStreams(t, server.url, prefix)), server, prefix }
}

/** Publishes as soon as the node has found Redis again. */
async function postAgain(streams: Streams, channel: string): Promise<Position> {
  let position: Position | undefined
  await until(async () => {
    position = await post(streams, channel).then(
      (published) => published.position,
      () => undefined
    )
    return position !== undefined
  })
  return position as Position
}

t.test('a Redis that was rolled back begins a new epoch whose offsets go on', async (t) => {
  const { streams, heard, server, resubscribed } = await opened(t)
  const channel = freshChannel()
  await streams.subscribe([channel])
  const kept = await fill(streams, channel, 5)
  await server.save()
  const lost = await fill(streams, channel, 3, { exclude: ['lost'] })
  await until(() => heard.messages.length === 8)
  await server.crash()
  // It hears again: what is published before that is for the reader to find.
  await until(() => resubscribed.count > 0)
  const position = await postAgain(streams, channel)
  t.equal(position.offset, 6, 'the offsets go on')
  const old = kept[0]?.position.epoch ?? ''
  t.not(position.epoch, old)
  await until(() => heard.messages.length === 9)
  t.match(heard.messages.at(-1)?.message, { epoch: position.epoch, offset: 6 })

  await t.test('a position at or below the fork is good', async (t) => {
    for (const { position: at } of kept) {
      const page = await streams.read(channel, { after: at, limit: 10 })
      t.equal(page.continuity, 'contiguous')
      t.same(offsetsOf(page.messages), span(at.offset + 1, 6))
      t.match(page.top, { epoch: position.epoch, offset: 6 })
    }
    const start = await streams.read(channel, { after: { epoch: old, offset: 0 }, limit: 10 })
    t.match(start, { continuity: 'contiguous', hasMore: false })
  })

  await t.test('a message keeps the epoch that it was stored under', async (t) => {
    const { messages } = await streams.read(channel, { limit: 10 })
    t.same(
      messages.map(({ epoch }) => epoch),
      [...kept.map(() => old), position.epoch]
    )
  })

  await t.test('a position above the fork is reset to the fork', async (t) => {
    for (const { position: at } of lost) {
      const page = await streams.read(channel, { after: { epoch: at.epoch, offset: at.offset }, limit: 10 })
      t.match(page, { continuity: 'reset', holds: 5 })
      t.same(offsetsOf(page.messages), span(1, 6))
    }
  })

  await t.test('the present epoch is not taken for the old one', async (t) => {
    const page = await streams.read(channel, { after: { epoch: position.epoch, offset: 6 }, limit: 10 })
    t.equal(page.continuity, 'contiguous')
    t.match(await post(streams, channel), { position: { epoch: position.epoch, offset: 7 } })
  })
})

t.test('a position at which another message of the old epoch stood is reset to the fork', async (t) => {
  const { streams, server } = await opened(t)
  const channel = freshChannel()
  await fill(streams, channel, 2)
  await server.save()
  const lost = (await post(streams, channel, 'lost')).position
  await server.crash()
  await postAgain(streams, channel)
  const page = await streams.read(channel, { after: lost, limit: 10 })
  t.match(page, { continuity: 'reset', holds: 2 })
})

t.test('looks at the top and subscriptions fork as well, once', async (t) => {
  const { streams, server } = await opened(t)
  const [seen, subscribed] = [freshChannel(), freshChannel()]
  const before = [await post(streams, seen), await post(streams, subscribed)].map(({ position }) => position)
  await server.save()
  await server.crash()
  await postAgain(streams, freshChannel())
  const [top] = await streams.tops([seen])
  let position: Position | undefined
  await until(async () => {
    // Its own connection may need longer.
    const positions = await streams.subscribe([subscribed]).catch(() => [])
    position = positions[0]
    return position !== undefined
  })
  t.equal(top?.offset, 1)
  t.not(top?.epoch, before[0]?.epoch)
  t.equal(position?.offset, 1)
  t.not(position?.epoch, before[1]?.epoch)
  t.same(await streams.tops([seen, subscribed]), [top, position])
  t.match((await post(streams, seen)).position, { epoch: top?.epoch, offset: 2 })
  const page = await streams.read(seen, { after: before[0] as Position, limit: 10 })
  t.match(page, { continuity: 'contiguous', messages: [{ offset: 2 }] })
})

t.test('after two forks in a row a position is good up to the lower of those since', async (t) => {
  const { streams, server } = await opened(t)
  const channel = freshChannel()
  const first = await fill(streams, channel, 4)
  await server.save()
  await fill(streams, channel, 4)
  await server.crash()
  const second = [await postAgain(streams, channel), (await post(streams, channel)).position]
  t.equal(second[1]?.offset, 6)
  // Not saved since: the second run is lost as a whole, its epoch too.
  await server.crash()
  const third = await postAgain(streams, channel)
  t.equal(third.offset, 5)
  const read = (epoch: string | undefined, offset: number) =>
    streams.read(channel, { after: { epoch, offset }, limit: 9 })
  t.match(await read(first[0]?.position.epoch, 4), { continuity: 'contiguous', messages: [{ offset: 5 }] })
  t.match(await read(first[0]?.position.epoch, 5), { continuity: 'reset', holds: 4 })
  t.match(await read(second[0]?.epoch, 5), { continuity: 'reset', holds: 0 }, 'nobody knows that epoch any more')
  await server.save()
  await server.crash()
  const fourth = await postAgain(streams, channel)
  t.equal(fourth.offset, 6)
  t.match(await read(first[0]?.position.epoch, 4), { continuity: 'contiguous' })
  t.match(await read(first[0]?.position.epoch, 5), { continuity: 'reset', holds: 4 })
  t.match(await read(third.epoch, 5), { continuity: 'contiguous', messages: [{ offset: 6 }] })
  t.match(await read(third.epoch, 6), { continuity: 'reset', holds: 5 })
  t.equal(new Set([first[0]?.position.epoch, second[0]?.epoch, third.epoch, fourth.epoch]).size, 4)
})

t.test('a Redis that lost everything begins at offset 1, and old positions are void', async (t) => {
  const { streams, server } = await opened(t)
  const channel = freshChannel()
  const { position } = (await fill(streams, channel, 3)).at(-1) as { position: Position }
  const redis = await bystander(t, server.url)
  await redis.flushall()
  t.match(await streams.read(channel, { after: position, limit: 10 }), {
    continuity: 'reset',
    holds: 0,
    top: undefined
  })
  const published = await post(streams, channel)
  t.equal(published.position.offset, 1)
  t.not(published.position.epoch, position.epoch)
  for (const offset of [0, 1, 3]) {
    const page = await streams.read(channel, { after: { epoch: position.epoch, offset }, limit: 10 })
    t.match(page, { continuity: 'reset', holds: 0, messages: [{ offset: 1 }] })
  }
})

t.test('a log whose meta is lost is no part of the new history', async (t) => {
  const { streams, server, keys } = await opened(t)
  const channel = freshChannel()
  await fill(streams, channel, 3)
  const redis = await bystander(t, server.url)
  await redis.del(keys.meta(channel))
  t.same((await streams.read(channel, { limit: 10 })).messages, [])
  t.equal((await post(streams, channel)).position.offset, 1)
  t.same(offsetsOf((await streams.read(channel, { limit: 10 })).messages), [1])
})

t.test(`a channel remembers its newest ${FORKS_MAX} forks`, async (t) => {
  const { connections, keys } = await opened(t)
  const channel = freshChannel()
  const positions: Position[] = []
  const run = { current: 'run0' }
  // A run that a test can choose: restarts without the restarting.
  const publish = new OrderedScript(connections.commands, publishScript)
  const streams = new RedisStreams({ connections, keys, run: run as unknown as RunWatch, publish })
  await streams.start(new Hearing())
  for (let fork = 0; fork <= FORKS_MAX + 1; fork++) {
    run.current = `run${fork}`
    positions.push((await post(streams, channel)).position)
  }
  const verdict = async (index: number) =>
    (await streams.read(channel, { after: positions[index], limit: 1 })).continuity
  t.equal(await verdict(0), 'reset')
  t.equal(await verdict(1), 'contiguous')
  t.equal(await verdict(FORKS_MAX), 'contiguous')
  const { top } = await streams.read(channel, { limit: 0 })
  t.equal(top?.offset, FORKS_MAX + 2)
})
