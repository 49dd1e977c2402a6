import fc from 'fast-check'
import t from 'tap'
import {
  encodeBroadcast,
  encodeChatMessage,
  encodeConnected,
  encodeGap,
  encodeOnlineCount,
  encodeReset,
  encodeSignal,
  encodeUserMove,
  formatTime,
  withPosition
} from '../../src/protocol/pushes.js'

const AT = Date.UTC(2024, 1, 29, 12, 30, 45, 6)
const TIMESTAMP = '2024-02-29T12:30:45.006Z'
const parse = (encoded: Buffer) => JSON.parse(encoded.toString())

t.test('a position is put into a stored message, which stays the same otherwise', (t) => {
  const fields = fc.record({
    type: fc.constantFrom('chat_message', 'text'),
    room: fc.string({ unit: 'grapheme' }),
    content: fc.json(),
    userId: fc.option(fc.string({ unit: 'grapheme' })),
    messageId: fc.string({ unit: 'grapheme' }),
    timestamp: fc.nat(4_102_444_800_000)
  })
  fc.assert(
    fc.property(fields, fc.string({ unit: 'grapheme' }), fc.maxSafeNat(), (message, epoch, offset) => {
      const stored = encodeChatMessage(message)
      const copy = Buffer.from(stored)
      const placed = withPosition(stored, epoch, offset)
      t.strictSame(parse(placed), { ...parse(stored), epoch, offset })
      t.ok(stored.equals(copy), 'the stored one is not changed')
    }),
    { numRuns: 500 }
  )
  t.end()
})

t.test('a chat message holds its fields and the content as it was written', (t) => {
  const content = '{"n":12345678901234567890,"x":1.0}'
  const encoded = encodeChatMessage({
    type: 'chat_message',
    room: '"r\\',
    content,
    userId: null,
    messageId: 'm\u2028',
    timestamp: AT
  })
  t.ok(encoded.toString().includes(content))
  const { content: _, ...fields } = parse(encoded)
  t.strictSame(fields, {
    type: 'chat_message',
    room: '"r\\',
    user_id: null,
    message_id: 'm\u2028',
    timestamp: TIMESTAMP
  })
  t.notMatch(encoded.toString(), /[\n\r]/)
  t.end()
})

t.test('each push has exactly the documented fields', (t) => {
  const welcome = {
    connectionId: 'c',
    sessionId: 's',
    resumeToken: 't',
    userId: null,
    heartbeatIntervalMs: 20_000,
    now: AT
  }
  t.strictSame(parse(encodeConnected(welcome)), {
    type: 'system',
    action: 'connected',
    message: '连接成功',
    connection_id: 'c',
    session_id: 's',
    resume_token: 't',
    user_id: null,
    heartbeat_interval_ms: 20_000,
    timestamp: TIMESTAMP
  })
  const signal = { room: 'r', content: '[1]', userId: 'u', timestamp: AT }
  t.strictSame(parse(encodeSignal(signal)), {
    type: 'signal',
    room: 'r',
    content: [1],
    user_id: 'u',
    timestamp: TIMESTAMP
  })
  const broadcast = { content: 'null', messageId: 'm', timestamp: AT }
  t.strictSame(parse(encodeBroadcast(broadcast)), {
    type: 'broadcast',
    content: null,
    message_id: 'm',
    timestamp: TIMESTAMP
  })
  const move = { room: 'r', userId: 'u', onlineCount: 3, timestamp: AT }
  for (const action of ['user_joined', 'user_left'] as const) {
    t.strictSame(parse(encodeUserMove(action, move)), {
      type: 'system',
      action,
      room: 'r',
      user_id: 'u',
      online_count: 3,
      timestamp: TIMESTAMP
    })
  }
  const count = { room: 'r', onlineCount: 300, joined: 2, left: 1, timestamp: AT }
  t.strictSame(parse(encodeOnlineCount(count)), {
    type: 'system',
    action: 'online_count',
    room: 'r',
    online_count: 300,
    joined: 2,
    left: 1,
    timestamp: TIMESTAMP
  })
  t.end()
})

t.test('gaps and resets name exactly one channel', (t) => {
  for (const tag of [{ room: 'r' }, { group: 'g' }, { inbox: true }] as const) {
    t.strictSame(parse(encodeGap(tag, 'e', { from: 3, to: 7 })), {
      type: 'system',
      action: 'gap',
      ...tag,
      epoch: 'e',
      from: 3,
      to: 7
    })
    t.strictSame(parse(encodeReset(tag, 'e', 0)), { type: 'system', action: 'reset', ...tag, epoch: 'e', offset: 0 })
  }
  t.end()
})

t.test('times are ISO 8601 in UTC with milliseconds', (t) => {
  t.equal(formatTime(0), '1970-01-01T00:00:00.000Z')
  t.equal(formatTime(AT), TIMESTAMP)
  t.end()
})
