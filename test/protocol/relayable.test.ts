import t from 'tap'
import { isRelayable } from '../../src/protocol/relayable.js'

t.test('what nodes write may be sent on', async (t) => {
  for (const text of ['{"type":"signal"}', '{"type":"chat_message","content":"聊天"}'])
    t.ok(isRelayable(Buffer.from(text)), text)
})

t.test('what is no object in one line of UTF-8 may not', async (t) => {
  for (const text of [
    '',
    '{',
    '}',
    '{}',
    '""',
    '[1]',
    '{"type":"a"',
    '"type":"a"}',
    ' {"type":"a"}',
    '{"type":"a",\n"b":1}',
    '{"a":1}'
  ]) {
    t.notOk(isRelayable(Buffer.from(text)), text)
  }
  for (const bytes of [[0xff], [0xed, 0xa0, 0x80]])
    t.notOk(isRelayable(Buffer.concat([Buffer.from('{"type":"a'), Buffer.from(bytes), Buffer.from('"}')])))
})
