import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { RedisConnection, RedisConnections } from '../../src/store/redis/connections.js'
import { followMaster } from '../../src/store/redis/sentinel-watch.js'
import { startRedis } from '../support/redis-server.js'
import { until } from '../support/until.js'
import { bystander, connect } from './redis-harness.js'

/** What a Sentinel says is plain pub/sub: a Redis can say it too. */
async function followed(t: Test) {
  const [redis, sentinel] = [await startRedis(t), await startRedis(t)]
  const connections = await connect(t, redis.url)
  const neverThere = new Redis({ lazyConnect: true }) as RedisConnection
  const all = { ...connections, commands: neverThere } as RedisConnections
  t.teardown(followMaster(all, `redis+sentinel://127.0.0.1:${sentinel.port}/ours`))
  const voice = await bystander(t, sentinel.url)
  await until(async () => ((await voice.pubsub('NUMSUB', '+switch-master')) as unknown[])[1] === 1)
  const say = (name: string, port: number) => voice.publish('+switch-master', `${name} 127.0.0.1 1 127.0.0.1 ${port}`)
  return { ...connections, port: redis.port, say }
}

t.test('connections to another than the new master are left, the others stay', async (t) => {
  const { subscriber, lease, port, say } = await followed(t)
  let left = 0
  for (const connection of [subscriber, lease]) connection.on('close', () => left++)
  await say('theirs', port + 1)
  await say('ours', port)
  await say('ours', port + 1)
  await until(() => left >= 2 && [subscriber, lease].every(({ status }) => status === 'ready'))
  t.equal(left, 2, 'once each: by the last message only')
})
