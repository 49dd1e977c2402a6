import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { IngestPage } from '../../src/store/ingest-log.js'
import { Keys } from '../../src/store/redis/keys.js'
import { RedisIngestLog } from '../../src/store/redis/redis-ingest-log.js'
import { startRedis } from '../support/redis-server.js'
import { until } from './hearing.js'
import { bystander, connect } from './redis-harness.js'
import { RestartableRedis } from './restartable-redis.js'

const redis = await startRedis(t)

/** The logs of two nodes, and a backend that writes to them. */
async function cluster(t: Test, url = redis.url) {
  const prefix = randomUUID()
  const keys = new Keys(prefix)
  const connections = await connect(t, url)
  const [one, two] = [new RedisIngestLog(connections, keys), new RedisIngestLog(await connect(t, url), keys)] as const
  const outside = await bystander(t, url)
  const add = async (text: string) => (await outside.xadd(`${prefix}:ingest`, '*', 'message', text)) as string
  return { prefix, keys, connections, one, two, outside, add }
}

function texts(page: IngestPage | undefined): string[] | undefined {
  return page?.entries.map(({ message }) => String(message))
}

t.test('one node at a time has the lease, and may take it again', async (t) => {
  const { one, two, outside, keys } = await cluster(t)
  t.equal(await one.take(), true)
  t.equal(await two.take(), false)
  t.equal(await one.take(), true)
  t.equal(await two.renew(), undefined)
  t.equal(await one.renew(), 0)
  const leftMs = await outside.pttl(keys.ingestLease)
  t.ok(leftMs > 4000 && leftMs <= 5000, `${leftMs} ms`)
  await two.release()
  t.equal(await two.take(), false, 'nobody gives back what another has')
  await one.release()
  await one.release()
  t.equal(await one.renew(), undefined, 'a lease that was given back is not renewed')
  t.equal(await two.take(), true)
})

t.test('a lease that nobody renews ends', async (t) => {
  const { one, two, outside, keys } = await cluster(t)
  await one.take()
  await outside.pexpire(keys.ingestLease, 1)
  await until(() => two.take())
  t.equal(await one.renew(), undefined)
})

t.test('nothing is handed out without the lease', async (t) => {
  const { one, two, add } = await cluster(t)
  await add('a')
  t.equal(await one.read('new', 10), undefined)
  await one.take()
  t.equal(await two.read('new', 10), undefined)
  await one.take()
  t.same(texts(await one.read('new', 10)), ['a'])
})

t.test('a read that reaches Redis late, after the lease was taken anew, reads nothing', async (t) => {
  const { one, add, connections } = await cluster(t)
  await add('a')
  await one.take()
  const { ingest } = connections
  const sendCommand = ingest.sendCommand.bind(ingest)
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  ingest.sendCommand = async (...command) => {
    await held
    return await sendCommand(...command)
  }
  const late = one.read('new', 10)
  await one.take()
  release()
  t.equal(await late, undefined)
  t.same(texts(await one.read('0-0', 10)), [])
  t.same(texts(await one.read('new', 10)), ['a'])
})

t.test('what was read is pending for whoever has the lease, until it is settled or buried', async (t) => {
  const { one, two, add, outside, prefix } = await cluster(t)
  const ids = [await add('a'), await add('b'), await add('c')] as const
  await one.take()
  t.same(texts(await one.read('new', 2)), ['a', 'b'])
  t.same(texts(await one.read('new', 2)), ['c'])
  t.same(texts(await one.read('new', 2)), [])
  await one.release()
  await two.take()
  t.same(texts(await two.read('new', 10)), [], 'new is only what nobody has read')
  t.same(texts(await two.read('0-0', 2)), ['a', 'b'], 'in pages')
  t.same(texts(await two.read(ids[1], 2)), ['c'])
  await two.settle(ids[0])
  await two.settle(ids[0])
  const entry = { id: ids[1], message: Buffer.from('b'), gone: false }
  await two.bury({ entry, reason: 'bad: really' })
  await one.bury({ entry, reason: 'bad: really' })
  await two.bury({ entry: { ...entry, id: ids[0] }, reason: 'settled before' })
  t.same(texts(await two.read('0-0', 10)), ['c'])
  t.equal(await outside.xlen(`${prefix}:ingest`), 1)
  const letters = await outside.xrange(`${prefix}:ingest:dead`, '-', '+')
  t.same(
    letters.map(([, fields]) => fields),
    [['message', 'b', 'reason', 'bad: really', 'id', ids[1]]],
    'once'
  )
})

t.test('an entry that was deleted while it was pending is told as gone', async (t) => {
  const { one, add, outside, prefix } = await cluster(t)
  const id = await add('a')
  await one.take()
  await one.read('new', 10)
  await outside.xdel(`${prefix}:ingest`, id)
  t.same(await one.read('0-0', 10), { entries: [{ id, message: undefined, gone: true }], end: '' })
  await one.settle(id)
  t.same(texts(await one.read('0-0', 10)), [])
})

t.test('a wait ends with the next entry, or by itself', async (t) => {
  const { one, add } = await cluster(t)
  await one.take()
  const first = await one.read('new', 10)
  const begin = performance.now()
  await one.wait(first?.end ?? '')
  const idleMs = performance.now() - begin
  t.ok(idleMs > 500 && idleMs < 2000, `${idleMs} ms`)
  let over = false
  const waiting = one.wait(first?.end ?? '').then(() => {
    over = true
  })
  await add('a')
  await waiting
  t.ok(over)
  await one.wait(first?.end ?? '')
  t.ok(performance.now() - begin < idleMs + 900, 'one that came before the wait ends it as well')
  t.same(texts(await one.read('new', 10)), ['a'])
})

t.test('the log begins anew after it was deleted, with what was written since', async (t) => {
  const { one, add, outside, prefix } = await cluster(t)
  await one.take()
  await add('a')
  await one.read('new', 10)
  await outside.del(`${prefix}:ingest`)
  await add('b')
  t.same(texts(await one.read('new', 10)), ['b'])
  await outside.xgroup('DESTROY', `${prefix}:ingest`, 'roomcast')
  await add('c')
  t.same(texts(await one.read('0-0', 10)), [])
  t.same(texts(await one.read('new', 10)), ['b', 'c'], 'what was not settled comes again')
})

t.test('a stream of another kind under its name is an error and nothing worse', async (t) => {
  const { one, outside, prefix } = await cluster(t)
  await one.take()
  await outside.set(`${prefix}:ingest`, 'text')
  await t.rejects(one.read('new', 10), { code: 'store_unavailable' })
  await outside.del(`${prefix}:ingest`)
  t.same(texts(await one.read('new', 10)), [])
})

t.test('while Redis hangs every question is refused within 3 s', async (t) => {
  const server = await startRedis(t)
  const { one } = await cluster(t, server.url)
  await one.take()
  server.process.kill('SIGSTOP')
  const begin = performance.now()
  const entry = { id: '1-1', message: undefined, gone: false }
  const questions: Array<Promise<unknown>> = [
    one.take(),
    one.renew(),
    one.read('new', 1),
    one.settle('1-1'),
    one.bury({ entry, reason: 'x' })
  ]
  for (const question of questions) await t.rejects(question, { code: 'store_unavailable' })
  t.ok(performance.now() - begin < 3000)
  server.process.kill('SIGCONT')
})

t.test('a Redis that came back without its scripts and its stream serves on', async (t) => {
  const server = await RestartableRedis.start(t)
  const { one } = await cluster(t, server.url)
  await one.take()
  await one.read('new', 1)
  await server.crash()
  const retaken = () => one.take().catch(() => false)
  await until(retaken)
  const outside = await bystander(t, server.url)
  t.ok(outside.status === 'ready')
  await until(async () => texts(await one.read('new', 1).catch(() => undefined))?.length === 0)
})
