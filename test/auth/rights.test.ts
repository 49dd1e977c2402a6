import type { TSchema } from '@sinclair/typebox'
import t from 'tap'
import { type Operation, operations } from '../../src/auth/capabilities.js'
import { rules } from '../../src/auth/rules.js'
import { type CommandType, commandSchemas } from '../../src/protocol/commands.js'
import type { LiveClient } from '../support/live-client.js'
import { request, startServer } from '../support/server.js'
import { SECRET, seconds, signToken } from '../support/tokens.js'

/** Every room and group of these tests, and who is written to: the patterns below have to fit. */
const NAME = 'thing'

/**
 * What each message needs, as protocol.md has it, by the variant of it; undefined where anybody who is authenticated may.
 * Written down a second time: the table of the server is held against it.
 */
const expected: Readonly<Record<CommandType, (fields: Record<string, unknown>) => readonly string[]>> = {
  authenticate: () => [],
  resume: () => [],
  join_room: ({ since, last }) => ['join room', ...(since !== undefined || last !== undefined ? ['history room'] : [])],
  leave_room: () => [],
  chat_message: () => ['publish room'],
  signal: () => ['signal room'],
  direct_message: () => ['direct user'],
  group_message: () => ['publish group'],
  inbox_ack: () => [],
  read_history: ({ group }) => [group === undefined ? 'history room' : 'history group'],
  list_members: () => ['members room'],
  heartbeat: () => []
}

interface Variant {
  readonly type: CommandType
  readonly title: string
  readonly fields: Record<string, unknown>
}

/** A value that fits a field. */
function sample(name: string, schema: TSchema): unknown {
  if (name === 'user_id') return 'alice'
  if (schema.type === 'string') return schema.format === undefined ? 'text' : NAME
  if (schema.type === 'integer') return schema.minimum ?? 0
  if (schema.type === 'object') return schema.properties === undefined ? {} : sampleOf(schema, [])
  return 1
}

/** The fields that a message must have, and the optional ones that are named. */
function sampleOf({ properties, required = [] }: TSchema, optional: readonly string[]): Record<string, unknown> {
  const names = Object.keys(properties).filter((name) => required.includes(name) || optional.includes(name))
  return Object.fromEntries(names.map((name) => [name, sample(name, properties[name])]))
}

/** Each message with what it must have alone, and with each optional field. */
const variants: Variant[] = Object.entries<TSchema>(commandSchemas).flatMap(([type, schema]) => {
  const optional = Object.keys(schema.properties).filter((name) => schema.required?.includes(name) !== true)
  return [[], ...optional.map((name) => [name])].map((names) => {
    const fields = sampleOf(schema, names)
    // It is of no use without either.
    if (type === 'read_history' && fields.group === undefined) fields.room = NAME
    if (fields.message_id !== undefined) fields.message_id = `message of ${type}`
    return { type: type as CommandType, title: `${type} {${Object.keys(fields)}}`, fields }
  })
})

type Rights = Record<string, readonly string[]>

/** A role for each operation on each kind of thing, one with nothing, one with all, and some that come close. */
const roles: Array<[role: string, rights: Rights]> = [
  ...['room', 'group', 'user'].flatMap((kind) =>
    operations.map((operation): [string, Rights] => [`${operation} ${kind}`, { [`${kind}:${NAME}`]: [operation] }])
  ),
  ['nothing', {}],
  ['everything', { '*': ['*'] }],
  ['everything elsewhere', { 'room:thin': ['*'], 'room:thing/*': ['*'], 'group:Thing': ['*'], 'user:alice': ['*'] }],
  ['join and history', { 'room:*': ['join'], [`*:${NAME}`]: ['history'] }]
]

/** Whether such rights cover a need such as `join room`. */
function covers(role: string, need: string): boolean {
  if (role === 'everything') return true
  if (role === 'join and history') return need === 'join room' || need.startsWith('history ')
  return role === need
}

t.test('every message of a client has its rule, and no rule is of a message that there is not', async (t) => {
  t.strictSame(Object.keys(rules).sort(), Object.keys(commandSchemas).sort())
  t.strictSame(Object.keys(expected).sort(), Object.keys(commandSchemas).sort())
  const needed = new Set<Operation>(Object.values(rules).flatMap((needs) => needs.map(({ operation }) => operation)))
  t.strictSame([...needed].sort(), [...operations].sort(), 'each operation is good for something')
})

t.test('every role may do with every message what its rights say, and nothing else', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET, RATE_LIMIT_PER_SECOND: 0 })
  await request(`${server.url}/groups/${NAME}/members/alice`, { method: 'PUT' })
  const exp = seconds(Date.now()) + 3600
  for (const [role, roomcast] of roles) {
    await t.test(role, async (t) => {
      const token = await signToken({ sub: 'alice', exp, roomcast })
      const client = await server.connect('/ws', { headers: { authorization: `Bearer ${token}` } })
      for (const { type, title, fields } of variants) {
        const { code } = await ask(client, type, type === 'authenticate' ? { token } : fields)
        const isAllowed = expected[type](fields).every((need) => covers(role, need))
        t.equal(code === 'forbidden', !isAllowed, `${title}: ${code ?? 'ack'}`)
        if (isAllowed) t.notMatch(code ?? '', /unauthenticated|user_mismatch|internal|invalid_id/, title)
      }
    })
  }
  await t.test('nobody', async (t) => {
    const client = await server.connect()
    for (const { type, title, fields } of variants) {
      t.match(await ask(client, type, fields), { type: 'error', code: 'unauthenticated' }, title)
    }
  })
})

async function ask(client: LiveClient, type: CommandType, fields: object) {
  return await client.ask({ type, ...fields })
}

t.test('a group is for its members, whatever a token grants', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET })
  const token = await signToken({ sub: 'alice', exp: seconds(Date.now()) + 60, roomcast: { '*': ['*'] } })
  const client = await server.connect('/ws', { headers: { authorization: `Bearer ${token}` } })
  const messages = [
    { type: 'group_message', group: 'staff', content: 1 },
    { type: 'read_history', group: 'staff' },
    { type: 'inbox_ack', group: 'staff', offset: 0 }
  ]
  for (const message of messages) t.match(await client.ask(message), { code: 'forbidden' }, message.type)
  await request(`${server.url}/groups/staff/members/alice`, { method: 'PUT' })
  for (const message of messages) t.match(await client.ask(message), { type: 'ack' }, message.type)
})

t.test('who writes to a user learns whether it is there only with the right to', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET })
  const exp = seconds(Date.now()) + 60
  for (const [rights, online] of [
    [{ 'user:*': ['direct'] }, undefined],
    [{ 'user:*': ['direct'], 'user:carol': ['members'], 'room:*': ['members'] }, undefined],
    [{ 'user:*': ['direct', 'members'] }, 0],
    [{ 'user:bob': ['*'] }, 0]
  ] as const) {
    const token = await signToken({ sub: 'alice', exp, roomcast: rights })
    const client = await server.connect('/ws', { headers: { authorization: `Bearer ${token}` } })
    const ack = await client.ask({ type: 'direct_message', to: 'bob', content: 1 })
    t.match(ack, { type: 'ack', to: 'bob' })
    t.equal(ack.online, online)
  }
  const open = await (await startServer(t)).connect('/ws?user_id=alice')
  t.equal((await open.ask({ type: 'direct_message', to: 'bob', content: 1 })).online, 0, 'in open mode')
})

t.test('a token without the claim has the default, which may be set', async (t) => {
  const exp = seconds(Date.now()) + 60
  const headers = { authorization: `Bearer ${await signToken({ sub: 'alice', exp })}` }
  const usual = await (await startServer(t, { JWT_SECRET: SECRET })).connect('/ws', { headers })
  t.match(await usual.ask({ type: 'join_room', room: 'r', last: 1 }), { type: 'ack' })
  t.match(await usual.ask({ type: 'list_members', room: 'r' }), { type: 'ack' })
  t.match(await usual.ask({ type: 'direct_message', to: 'bob', content: 1 }), { type: 'ack' })
  const DEFAULT_CAPABILITIES = '{"room:news":["join"]}'
  const narrow = await (await startServer(t, { JWT_SECRET: SECRET, DEFAULT_CAPABILITIES })).connect('/ws', { headers })
  t.match(await narrow.ask({ type: 'join_room', room: 'news' }), { type: 'ack' })
  t.match(await narrow.ask({ type: 'join_room', room: 'r' }), { code: 'forbidden' })
  t.match(await narrow.ask({ type: 'direct_message', to: 'bob', content: 1 }), { code: 'forbidden' })
})
