import t from 'tap'
import { defineRoom, RoomDefinitionError, type RoomMessage, Type } from '../../src/app.js'
import { isReservedType } from '../../src/protocol/message-types.js'
import { RoomFamilies } from '../../src/rooms/room-families.js'

const retention = { size: 1000, ttlMs: 86_400_000 }
const defaults = { retention, batchDelayMs: 5 }
const Text = Type.Object({ text: Type.String() })
const Vote = Type.Object({ option: Type.Integer() })

t.test('the first family that fits is the one of a room, and the settings are that of all others', (t) => {
  const families = new RoomFamilies(
    [
      defineRoom('chat/news', { history: { size: 1 } }),
      defineRoom('chat/:id', { history: { size: 2, ttl: 60 }, presence: 'off', batchDelayMs: 0 }),
      defineRoom(':any/:id', { history: { ttl: 0 }, presence: 'counts' })
    ],
    defaults
  )
  const retentionIn = (room: string) => families.in(room).rules.retention
  t.strictSame(retentionIn('chat/news'), { size: 1, ttlMs: 86_400_000 })
  t.strictSame(retentionIn('chat/7'), { size: 2, ttlMs: 60_000 })
  t.strictSame(retentionIn('event/7'), { size: 1000, ttlMs: 0 })
  t.strictSame(retentionIn('lobby'), retention)
  t.strictSame(
    ['chat/news', 'chat/7', 'event/7', 'lobby'].map((room) => families.presenceIn(room)),
    ['list', 'off', 'counts', 'list']
  )
  t.equal(families.in('chat/7').rules.batchDelayMs, 0)
  t.equal(families.in('event/7').rules.batchDelayMs, 5)
  t.equal(families.in('lobby').rules.batchDelayMs, 5)
  t.strictSame(families.in('chat/7').params, { id: '7' })
  t.strictSame(families.in('lobby').params, {})
  t.end()
})

t.test('of a family without message types rooms take chat_message alone, with any content', (t) => {
  const families = new RoomFamilies(
    [defineRoom('a/:id'), defineRoom('b/:id', { messages: { text: Text } }), defineRoom('c', { messages: {} })],
    defaults
  )
  const takes = (room: string, type: string) => {
    try {
      families.checkType(type, families.in(room).rules)
      return true
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  t.strictSame([...families.messageTypes], ['chat_message', 'text'])
  t.equal(takes('a/1', 'chat_message'), true)
  t.equal(takes('a/1', 'text'), 'invalid_message')
  t.equal(takes('lobby', 'text'), 'invalid_message')
  t.equal(takes('b/1', 'text'), true)
  t.equal(takes('b/1', 'chat_message'), 'invalid_message')
  t.equal(takes('c', 'chat_message'), 'invalid_message')
  t.equal(takes('b/1', 'dance'), 'unknown_type')
  t.equal(takes('b/1', 'constructor'), 'unknown_type')
  t.end()
})

t.test('two families that match the same rooms are refused', (t) => {
  const twins = [defineRoom('chat/:id'), defineRoom('chat/:name')]
  t.throws(() => new RoomFamilies(twins, defaults), {
    name: 'RoomDefinitionError',
    message: 'room family "chat/:name": "chat/:id" matches the same rooms'
  })
  t.doesNotThrow(() => new RoomFamilies([defineRoom('chat/:id'), defineRoom(':chat/id')], defaults))
  t.end()
})

/** What a settings module may hold, where nobody has looked at its types. */
const bad: Array<[policy: unknown, message: RegExp]> = [
  [{ history: { size: -1 } }, /history\.size: /],
  [{ history: { size: 1.5 } }, /history\.size: /],
  [{ history: { ttl: -1 } }, /history\.ttl: /],
  [{ history: { size: '5' } }, /history\.size: /],
  [{ history: { ttlMs: 5 } }, /history\.ttlMs: /],
  [{ history: 5 }, /history: /],
  [{ presence: 'some' }, /presence: .*list\|counts\|off/],
  [{ rateLimit: { perSecond: 0, burst: 1 } }, /rateLimit\.perSecond: /],
  [{ rateLimit: { perSecond: -1, burst: 1 } }, /rateLimit\.perSecond: /],
  [{ rateLimit: { perSecond: Number.NaN, burst: 1 } }, /rateLimit\.perSecond: /],
  [{ rateLimit: { perSecond: 1, burst: 0 } }, /rateLimit\.burst: /],
  [{ rateLimit: { perSecond: 1 } }, /rateLimit\.burst: /],
  [{ onMessage: 'log' }, /onMessage: /],
  [{ message: {} }, /message: unexpected property/],
  [{ messages: [] }, /messages: /],
  [{ messages: { 'a b': Text } }, /messages: "a b" is no name/],
  [{ messages: { '': Text } }, /messages: "" is no name/],
  [{ messages: { ['x'.repeat(65)]: Text } }, /messages: "x+" is no name/],
  [{ messages: { text: { type: 'object' } } }, /messages\.text: not a schema/],
  [{ messages: { text: 'string' } }, /messages\.text: not a schema/],
  [{ messages: { text: undefined } }, /messages\.text: not a schema/],
  [{ messages: { text: Type.Transform(Type.String()).Decode(Number).Encode(String) } }, /messages\.text: .*transform/],
  [null, /expected object/],
  [{ messages: { signal: Text } }, /messages: signal is a type of the protocol/]
]

for (const [policy, message] of bad) {
  t.test(`a family that cannot be is refused in one line: ${message.source}`, (t) => {
    t.throws(() => defineRoom('chat/:id', policy as object), { name: 'RoomDefinitionError', message })
    t.throws(() => defineRoom('chat/:id', policy as object), { message: /^room family "chat\/:id": [^\n]+$/ })
    t.end()
  })
}

t.test('no type of the protocol can be taken for something else, but chat_message can be narrowed', (t) => {
  const commands =
    'authenticate resume join_room leave_room signal direct_message group_message read_history list_members inbox_ack'
  for (const type of `${commands} heartbeat system broadcast heartbeat_ack ack error`.split(' ')) {
    t.ok(isReservedType(type), type)
    t.throws(() => defineRoom('r', { messages: { [type]: Text } }), RoomDefinitionError, type)
  }
  t.doesNotThrow(() => defineRoom('r', { messages: { chat_message: Text, text: Text, constructor: Text } }))
  t.end()
})

t.test('the types of the schemas and the parameters come to the handler by themselves', (t) => {
  defineRoom('poll/:tenant/:id', {
    messages: { text: Text, vote: Vote },
    onMessage: (message) => {
      const params: { readonly tenant: string; readonly id: string } = message.params
      const userId: string | null = message.userId
      // @ts-expect-error -- there is no such parameter
      const none = message.params.name
      // @ts-expect-error -- not before the type is known
      const early = message.content.text
      if (message.type === 'text') {
        const text: string = message.content.text
        // @ts-expect-error -- that is a field of the other type
        return [text, message.content.option, params, userId, none, early]
      }
      const option: number = message.content.option
      // @ts-expect-error -- only `vote` is left
      return option + (message.type === 'text' ? 1 : 0)
    }
  })
  defineRoom('lobby', {
    onMessage: async ({ type, content, params }) => {
      const only: 'chat_message' = type
      const anything: unknown = content
      // @ts-expect-error -- nobody has said what it is
      const text = content.text
      // @ts-expect-error -- the pattern has no parameters
      return [only, anything, text, params.id]
    }
  })
  // @ts-expect-error -- a handler of something else
  defineRoom('chat/:id', { messages: { text: Text }, onMessage: (_: { content: { option: number } }) => {} })
  const apart = ({ content }: RoomMessage<'chat/:id', { text: typeof Text }>): string => content.text
  defineRoom('chat/:id', { messages: { text: Text }, onMessage: apart })
  t.end()
})
