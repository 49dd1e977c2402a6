import { randomUUID } from 'node:crypto'
import t from 'tap'
import { bystander } from '../store/redis-harness.js'
import { SentinelGroup } from '../support/sentinels.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

const group = await SentinelGroup.start(t)
const settings = { REDIS_URL: group.url(), REDIS_PREFIX: randomUUID(), LOG_LEVEL: 'silent' } as const

/** Publishes until it is stored. */
async function publish(server: TestServer, messageId: string) {
  const body = { content: messageId, message_id: messageId }
  return await until(
    () => request(`${server.url}/rooms/r/messages`, { method: 'POST', body }),
    ({ status }) => status < 300,
    30_000
  )
}

async function isReady(server: TestServer): Promise<boolean> {
  return (await request(`${server.url}/health/ready`)).status === 200
}

t.test('a node finds the master by its Sentinels, and says so without the credentials', async (t) => {
  const server = await startServer(t, settings)
  t.equal((await publish(server, 'first')).body.durable, 'redis')
  t.match(server.app.store.description, group.url())
})

t.test('when the master dies the node goes on with the next one, on all its connections', async (t) => {
  const server = await startServer(t, settings)
  const client = await server.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'r' })
  await publish(server, 'before')
  await client.next(({ message_id }) => message_id === 'before')
  const former = await group.killMaster()
  await until(async () => !(await isReady(server)))
  const master = await until(
    () => group.masterPort(),
    (port) => port !== former
  )
  await until(() => isReady(server), Boolean, 30_000)
  const { body } = await publish(server, 'after')
  await client.next(({ message_id }) => message_id === 'after')
  const redis = await bystander(t, `redis://127.0.0.1:${master}`)
  const list = (await redis.client('LIST')) as string
  for (const name of ['commands', 'subscriber', 'lease', 'ingest']) t.match(list, `name=roomcast-${name} `, name)
  const again = await publish(server, 'after')
  t.match(again.body, { duplicate: true, offset: body.offset })
  await group.restart(former)
})

t.test('a master that Sentinel has left is left by the node too, though it still answers', async (t) => {
  const server = await startServer(t, settings)
  const former = await group.masterPort()
  const old = await bystander(t, `redis://127.0.0.1:${former}`)
  // It does not hear that it was demoted, nor that its clients are to go.
  await old.call('ACL', 'SETUSER', 'default', '-replicaof', '-slaveof', '-client|kill')
  await until(
    () =>
      group.failOver().then(
        () => true,
        () => false
      ),
    Boolean,
    30_000
  )
  await until(
    () => group.masterPort(),
    (port) => port !== former,
    30_000
  )
  const names = async () => ((await old.client('LIST')) as string).match(/name=roomcast-\w+/g) ?? []
  await until(names, ({ length }) => length === 0, 30_000)
  t.match(await old.role(), ['master'], 'it still takes itself for the master')
  await until(() => isReady(server), Boolean, 30_000)
  t.equal((await publish(server, 'not to the old one')).status, 201)
})
