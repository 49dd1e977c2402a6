import { randomUUID } from 'node:crypto'
import t from 'tap'
import { RedisPubSub } from '../../src/store/redis/redis-pub-sub.js'
import { startRedis } from '../support/redis-server.js'
import { freshChannel, post, span, until } from './hearing.js'
import { send, started, testPubSub } from './pub-sub-contract.js'
import { bystander, connect, startedStreams } from './redis-harness.js'

const redis = await startRedis(t)

testPubSub(t, async (t) => new RedisPubSub(await connect(t, redis.applicationUrl)))

t.test('other programs are heard and hear, by the plain name of the channel', async (t) => {
  const pubSub = new RedisPubSub(await connect(t, redis.applicationUrl))
  const heard = started(pubSub)
  const channel = `news ${randomUUID()}`
  await pubSub.subscribe(channel)
  const [listener, speaker] = [await bystander(t, redis.url), await bystander(t, redis.url)]
  const heardOutside: string[] = []
  listener.on('message', (_channel, text) => heardOutside.push(text))
  await listener.subscribe(channel)
  await speaker.publish(channel, 'from outside')
  await until(() => heard.texts(channel).length === 1)
  await send(pubSub, channel, 'from us')
  await until(() => heardOutside.length === 2)
  t.same(heardOutside, ['from outside', 'from us'])
  t.same(heard.texts(channel), heardOutside)
})

t.test('every node hears each payload once', async (t) => {
  const nodes = [
    new RedisPubSub(await connect(t, redis.applicationUrl)),
    new RedisPubSub(await connect(t, redis.applicationUrl))
  ] as const
  const heard = nodes.map(started)
  const channel = randomUUID()
  for (const node of nodes) await node.subscribe(channel)
  for (const n of span(1, 50)) await send(nodes[0], channel, String(n))
  await until(() => heard.every((one) => one.all.length === 50))
  for (const one of heard) t.same(one.texts(channel), span(1, 50).map(String))
})

t.test('after a cut it hears its channels again, and the streams hear theirs', async (t) => {
  const { streams, heard: heardStreams, connections, resubscribed } = await startedStreams(t, redis.applicationUrl)
  const pubSub = new RedisPubSub(connections)
  const heard = started(pubSub)
  const [channel, gone, stream] = [randomUUID(), randomUUID(), freshChannel()]
  await streams.subscribe([stream])
  for (const one of [channel, gone]) await pubSub.subscribe(one)
  await pubSub.unsubscribe(gone)
  const speaker = await bystander(t, redis.url)
  for (let round = 1; round <= 3; round++) {
    await speaker.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until(async () => (await speaker.publish(channel, `round ${round}`)) === 1)
    await until(() => heard.texts(channel).at(-1) === `round ${round}`)
    await until(() => resubscribed.count >= round)
    await post(streams, stream)
    await until(() => heardStreams.offsets(stream).at(-1) === round)
    t.equal(await speaker.publish(gone, 'silent'), 0)
  }
  t.same(heard.texts(gone), [])
  t.same(heardStreams.offsets(stream), span(1, 3))
})

t.test('while Redis hangs it says so in time, and a channel that was refused is not heard later', async (t) => {
  const server = await startRedis(t)
  const pubSub = new RedisPubSub(await connect(t, server.applicationUrl))
  const heard = started(pubSub)
  const [refused, other] = [randomUUID(), randomUUID()]
  await pubSub.subscribe(other)
  server.process.kill('SIGSTOP')
  const begin = performance.now()
  await Promise.all([
    t.rejects(pubSub.subscribe(refused), { code: 'store_unavailable' }),
    t.rejects(send(pubSub, other, 'x'), { code: 'store_unavailable' })
  ])
  t.ok(performance.now() - begin < 3000)
  server.process.kill('SIGCONT')
  const speaker = await bystander(t, server.url)
  await until(async () => (await speaker.publish(other, 'marker')) === 1)
  await speaker.publish(refused, 'silent')
  await speaker.publish(other, 'end')
  await until(() => heard.texts(other).includes('end'))
  t.same(heard.texts(refused), [])
})
