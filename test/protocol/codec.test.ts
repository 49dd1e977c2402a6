import fc from 'fast-check'
import t from 'tap'
import { DEPTH_MAX, decodeCommand, readIdAlone, UndecodableError } from '../../src/protocol/codec.js'
import { commandSchemas, isCommandType } from '../../src/protocol/commands.js'

function outcomeOf(text: string): 'command' | UndecodableError {
  try {
    const { type } = decodeCommand(text)
    t.ok(isCommandType(type))
    return 'command'
  } catch (error) {
    if (error instanceof UndecodableError) return error
    throw error
  }
}

const types = Object.keys(commandSchemas)
const names = ['room', 'user_id', 'content', 'message_id', 'since', 'last', 'limit', 'after', 'before', 'cursor', 'id']
const message = fc
  .tuple(
    fc.oneof(fc.constantFrom(...types), fc.jsonValue()),
    fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.jsonValue(), fc.string(), fc.integer()), { maxKeys: 6 })
  )
  .map(([type, fields]) => JSON.stringify({ ...fields, type }))

const clientCodes = new Set(['invalid_json', 'invalid_message', 'invalid_id', 'unknown_type'])

t.test('the id of a message is read without the rest of it', async (t) => {
  t.equal(readIdAlone('{"type":"heartbeat","id":"one"}'), 'one')
  t.equal(readIdAlone('{"id":"first","content":{"id":"inner"},"\\u0069d":"last"}'), 'last', 'as JSON.parse takes it')
  for (const text of [
    '{"type":"heartbeat"}',
    '{"id":1}',
    '{"id":""}',
    `{"id":"${'x'.repeat(65)}"}`,
    '[]',
    '"id"',
    '{"id":'
  ]) {
    t.equal(readIdAlone(text), undefined, text)
  }
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), message), (text) => void readIdAlone(text)))
})

t.test('any text gives a command or an UndecodableError, never anything else', (t) => {
  const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.json(), message, fc.mixedCase(message))
  fc.assert(
    fc.property(text, (text) => {
      const outcome = outcomeOf(text)
      if (outcome !== 'command') t.ok(clientCodes.has(outcome.failure.code), outcome.failure.code)
    }),
    { numRuns: 3000 }
  )
  t.end()
})

t.test('text cut off or changed anywhere gives a command or an UndecodableError', (t) => {
  fc.assert(
    fc.property(message, fc.nat(), fc.string({ maxLength: 3 }), (text, at, put) => {
      const place = at % (text.length + 1)
      outcomeOf(text.slice(0, place))
      outcomeOf(text.slice(0, place) + put + text.slice(place))
    }),
    { numRuns: 1000 }
  )
  t.pass()
  t.end()
})

t.test('a failure carries the id of the message wherever one can be read', (t) => {
  const withId = fc.tuple(message, fc.string({ minLength: 1, maxLength: 10 })).map(([text, id]) => {
    return { text: JSON.stringify({ ...JSON.parse(text), id }), id }
  })
  fc.assert(
    fc.property(withId, ({ text, id }) => {
      const outcome = outcomeOf(text)
      if (outcome !== 'command') t.equal(outcome.id, id)
      else t.equal(decodeCommand(text).id, id)
    }),
    { numRuns: 500 }
  )
  t.end()
})

t.test('the content of a command is JSON of one line that parses to what was sent', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 2, '\t', '\r\n'), (content, space) => {
      const pretty = JSON.stringify({ type: 'chat_message', content, room: 'r' }, null, space === '\r\n' ? 2 : space)
      const text = space === '\r\n' ? pretty.replaceAll('\n', '\r\n') : pretty
      if (outcomeOf(text) !== 'command') return
      const command = decodeCommand(text)
      t.strictSame(JSON.parse(command.content), JSON.parse(JSON.stringify(content)))
      t.notMatch(command.content, /[\n\r]/)
    }),
    { numRuns: 500 }
  )
  t.end()
})

t.test('nesting is counted with the message itself, and not in texts', (t) => {
  const nested = (depth: number) => `{"type":"heartbeat","x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`
  t.equal(outcomeOf(nested(DEPTH_MAX)), 'command')
  t.match(outcomeOf(nested(DEPTH_MAX + 1)), { failure: { code: 'invalid_message' } })
  t.equal(outcomeOf(JSON.stringify({ type: 'heartbeat', x: '[{'.repeat(1000) })), 'command')
  t.end()
})

t.test('poisoned keys are refused at every level, harmless ones are not', (t) => {
  for (const text of [
    '{"type":"heartbeat","__proto__":1}',
    '{"type":"chat_message","room":"r","content":[{"__proto__":{}}]}',
    '{"type":"chat_message","room":"r","content":{"constructor":{"prototype":{}}}}',
    '{"type":"heartbeat","__pr\\u006fto__":1}'
  ]) {
    t.match(outcomeOf(text), { failure: { code: 'invalid_json' } }, text)
  }
  for (const content of ['{"constructor":1}', '{"prototype":{}}', '"__proto__"', '{"proto__":1}', '["constructor"]']) {
    t.equal(outcomeOf(`{"type":"chat_message","room":"r","content":${content}}`), 'command', content)
  }
  t.end()
})
