import { randomUUID } from 'node:crypto'
import t from 'tap'
import { startRedis } from '../support/redis-server.js'
import { fill, freshChannel, freshId, Hearing, offsetsOf, post, span, until } from './hearing.js'
import { redisStreams, startedStreams } from './redis-harness.js'
import { testStreams } from './streams-contract.js'

const redis = await startRedis(t)

testStreams(t, (t) => redisStreams(t, redis.url))

t.test('two nodes that publish at once number without a hole, and both hear all in order', async (t) => {
  const prefix = randomUUID()
  const nodes = [await startedStreams(t, redis.url, prefix), await startedStreams(t, redis.url, prefix)] as const
  const channel = freshChannel()
  const [one, two] = await Promise.all(nodes.map(({ streams }) => streams.subscribe([channel])))
  t.same(one, two)
  const [first, second] = await Promise.all(nodes.map(({ streams }) => fill(streams, channel, 200)))
  const offsets = [first, second].map((answers) => (answers ?? []).map(({ position }) => position.offset))
  const ascending = (a: number, b: number) => a - b
  t.same([...offsets.flat()].sort(ascending), span(1, 400))
  for (const own of offsets) t.same(own, [...own].sort(ascending), 'each in the order of its calls')
  for (const { heard } of nodes) {
    await until(() => heard.messages.length >= 400)
    t.same(heard.offsets(channel), span(1, 400))
  }
  t.same(offsetsOf((await nodes[0].streams.read(channel, { limit: 1000 })).messages), span(1, 400))
})

t.test('one message id that is published on two nodes is stored once', async (t) => {
  const prefix = randomUUID()
  const nodes = [await startedStreams(t, redis.url, prefix), await startedStreams(t, redis.url, prefix)] as const
  const channel = freshChannel()
  for (let round = 1; round <= 20; round++) {
    const messageId = freshId()
    const answers = await Promise.all(nodes.map(({ streams }) => post(streams, channel, 'hi', { messageId })))
    t.same(
      answers.map(({ position }) => position.offset),
      [round, round]
    )
    t.equal(answers.filter(({ duplicate }) => duplicate).length, 1)
    t.equal(answers[0]?.timestamp, answers[1]?.timestamp)
  }
})

t.test('a signal reaches the subscribers of every node', async (t) => {
  const prefix = randomUUID()
  const sender = await startedStreams(t, redis.url, prefix)
  const receiver = await startedStreams(t, redis.url, prefix)
  const channel = freshChannel()
  await receiver.streams.subscribe([channel])
  await sender.streams.signal(channel, Buffer.from('hi'), { exclude: ['one'] })
  await until(() => receiver.heard.signals.length === 1)
  t.match(receiver.heard.signals, [{ channel, signal: { exclude: ['one'] } }])
  t.equal(sender.heard.signals.length, 0)
})

t.test('two prefixes share nothing', async (t) => {
  const one = await startedStreams(t, redis.url)
  const two = await startedStreams(t, redis.url)
  const channel = freshChannel()
  const tops = [await one.streams.subscribe([channel]), await two.streams.subscribe([channel])]
  t.not(tops[0]?.[0]?.epoch, tops[1]?.[0]?.epoch)
  const messageId = freshId()
  for (const { streams } of [one, two]) {
    t.match(await post(streams, channel, 'hi', { messageId }), { duplicate: false, position: { offset: 1 } })
  }
  await until(() => one.heard.messages.length > 0 && two.heard.messages.length > 0)
  t.equal(one.heard.messages.length + two.heard.messages.length, 2)
})

t.test('a subscription that is under way is not confirmed to a second caller before Redis confirmed it', async (t) => {
  const { streams, connections } = await redisStreams(t, redis.url)
  const heard = new Hearing()
  await streams.start(heard)
  const { subscriber } = connections
  const sendCommand = subscriber.sendCommand.bind(subscriber)
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  subscriber.sendCommand = async (...command) => {
    await held
    return await sendCommand(...command)
  }
  const channel = freshChannel()
  const first = streams.subscribe([channel])
  const second = streams.subscribe([channel])
  // Were it confirmed too early, it would be so before these answers of the same connection.
  const answers = async () => {
    for (let count = 0; count < 5; count++) await streams.tops([channel])
    return false
  }
  const early = await Promise.race([second.then(() => true), answers()])
  t.equal(early, false, 'what is published now would not be heard')
  release()
  await Promise.all([first, second])
  await post(streams, channel)
  await until(() => heard.messages.length === 1)
})
