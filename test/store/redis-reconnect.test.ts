import t from 'tap'
import { startRedis } from '../support/redis-server.js'
import { fill, freshChannel, post, span, until } from './hearing.js'
import { bystander, startedStreams } from './redis-harness.js'

t.test('a subscriber connection that is cut hears everything again', async (t) => {
  const server = await startRedis(t)
  const { streams, heard, resubscribed } = await startedStreams(t, server.url)
  const publisher = await bystander(t, server.url)
  const channels = Array.from({ length: 1500 }, freshChannel)
  await streams.subscribe(channels)
  const gone = channels.pop() as string
  await streams.unsubscribe([gone])
  for (let round = 1; round <= 2; round++) {
    await publisher.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until(() => resubscribed.count >= round)
    t.equal(resubscribed.count, round, 'once for each cut')
    const last = channels.at(-1) as string
    for (const channel of [gone, channels[0] as string, last]) await post(streams, channel)
    await until(() => heard.offsets(last).length === round)
    t.same(heard.offsets(channels[0] as string), span(1, round))
    t.same(heard.offsets(gone), [])
  }
})

t.test('a connection for commands that is cut loses nothing that was acknowledged, and doubles nothing', async (t) => {
  const server = await startRedis(t)
  const { streams, heard } = await startedStreams(t, server.url)
  const other = await bystander(t, server.url)
  const channel = freshChannel()
  await streams.subscribe([channel])
  const acknowledged: number[] = []
  for (let round = 0; round < 5; round++) {
    const publishing = fill(streams, channel, 50).catch(() => [])
    if (round % 2 === 1) await other.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    for (const { position } of await publishing) acknowledged.push(position.offset)
    await until(() =>
      post(streams, channel).then(
        () => true,
        () => false
      )
    )
  }
  t.ok(acknowledged.length >= 150)
  t.equal(new Set(acknowledged).size, acknowledged.length)
  const top = (await streams.tops([channel]))[0]?.offset ?? 0
  await until(() => heard.offsets(channel).at(-1) === top)
  t.same(heard.offsets(channel), span(1, top))
})
