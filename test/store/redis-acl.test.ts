import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { aclRule, commandsUsed } from '../../src/store/redis/acl.js'
import { startRedis } from '../support/redis-server.js'
import { root } from '../support/root.js'
import { request, startServer } from '../support/server.js'
import { bystander, connect } from './redis-harness.js'

/** Commands that are known by another name in the sources, or that ioredis sends by itself. */
const sentOtherwise: Readonly<Record<string, string>> = {
  'client|setname': 'connectionName',
  eval: 'lua:',
  select: 'place.db',
  'script|load': "script('LOAD'",
  'xgroup|create': "'XGROUP', 'CREATE'",
  'xinfo|stream': "'XINFO', 'STREAM'"
}

const folder = path.join(root, 'src/store/redis')
const files = (await readdir(folder)).filter((name) => name !== 'acl.ts')
const source = (await Promise.all(files.map((name) => readFile(path.join(folder, name), 'utf8')))).join('\n')

t.test('the rule has everything that the scripts call', async (t) => {
  const granted = new Set(commandsUsed.map((command) => command.split('|')[0]))
  const called = [...source.matchAll(/redis\.p?call\('([A-Z]+)'|collect\('([A-Z]+)'/g)]
  t.ok(called.length > 50)
  for (const [, command, collected] of called) {
    const name = (command ?? collected ?? '').toLowerCase()
    t.ok(granted.has(name), name)
  }
})

t.test('the rule has nothing that is not sent', async (t) => {
  for (const command of commandsUsed) {
    const words = sentOtherwise[command]
    const isSent = words === undefined ? new RegExp(`\\.${command}\\(|'${command.toUpperCase()}'`) : words
    t.match(source, isSent, command)
  }
})

t.test('a user with the rule is kept out of everything else', async (t) => {
  const redis = await startRedis(t)
  const admin = await bystander(t, redis.url)
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>pw', ...aclRule('app'))
  const { commands, subscriber } = await connect(t, `redis://app:pw@127.0.0.1:${redis.port}`)
  await commands.set('app:x', '1')
  for (const denied of [
    () => commands.set('apple:x', '1'),
    () => commands.set('other:x', '1'),
    () => commands.publish('other:x', '1'),
    () => subscriber.subscribe('other:x'),
    () => commands.eval("return redis.call('GET', 'other:x')", 0),
    () => commands.keys('*'),
    () => commands.flushall(),
    () => commands.config('GET', '*'),
    () => commands.client('LIST')
  ]) {
    await t.rejects(denied(), /NOPERM|can't run this|No permissions|can't access|ACL/i, denied.toString())
  }
})

t.test('a server needs no more than the rule, and leaves nothing in the log of the denied', async (t) => {
  const redis = await startRedis(t)
  const server = await startServer(t, { REDIS_URL: redis.url })
  const alice = await server.connect('/ws?user_id=alice')
  await alice.ask({ type: 'join_room', room: 'r' })
  t.match(await alice.ask({ type: 'chat_message', room: 'r', content: 1 }), { type: 'ack', durable: 'redis' })
  t.equal((await request(`${server.url}/rooms/r/history`)).body.messages.length, 1)
  const admin = await bystander(t, redis.url)
  t.same(await admin.call('ACL', 'LOG'), [])
})

t.test('docs/redis.md gives the rule', async (t) => {
  const docs = await readFile(path.join(root, 'docs/redis.md'), 'utf8')
  const [, command = ''] = /ACL SETUSER roomcast reset on '>\S+'((?:[^\n]*\\\n)*[^\n]*)/.exec(docs) ?? []
  t.same(command.replaceAll(/[\\']/g, '').split(/\s+/).filter(Boolean), aclRule('roomcast'))
})
