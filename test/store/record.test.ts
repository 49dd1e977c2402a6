import fc from 'fast-check'
import t from 'tap'
import {
  decodeMessage,
  decodeRecord,
  encodeBlock,
  encodeMessage,
  encodeSignal,
  encodeTail,
  splitBlock
} from '../../src/store/record.js'
import type { SignalMessage, StoredMessage } from '../../src/store/streams.js'

const lineFeed = '\n'
/** Ids hold no control characters and no lone surrogates. */
const id = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }).filter((text) => !/\p{Cc}|\p{Cs}/u.test(text))
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const exclude = fc.array(fc.uuid(), { maxLength: 5 })
const count = fc.nat(Number.MAX_SAFE_INTEGER)
const message: fc.Arbitrary<StoredMessage> = fc.record({
  epoch: id,
  offset: count,
  timestamp: count,
  messageId: id,
  exclude,
  encoded: bytes
})
const signal: fc.Arbitrary<SignalMessage> = fc.record({ encoded: bytes, exclude })

function plain(decoded: StoredMessage | undefined) {
  return decoded && { ...decoded, encoded: [...decoded.encoded] }
}

t.test('a message comes back as it was', async (t) => {
  fc.assert(
    fc.property(message, (original) => {
      const record = encodeMessage(original)
      t.same(plain(decodeMessage(record)), plain(original))
      const decoded = decodeRecord(record)
      t.same(decoded?.kind === 'messages' && decoded.messages.map(plain), [plain(original)])
    })
  )
})

t.test('a signal comes back as it was, and is no message', async (t) => {
  fc.assert(
    fc.property(signal, (original) => {
      const record = encodeSignal(original)
      const decoded = decodeRecord(record)
      t.equal(decoded?.kind, 'signal')
      if (decoded?.kind !== 'signal') return
      t.same(decoded.signal.exclude, original.exclude)
      t.ok(decoded.signal.encoded.equals(original.encoded))
      t.equal(decodeMessage(record), undefined)
    })
  )
})

t.test('epoch, offset and the tail put together are the message', async (t) => {
  fc.assert(
    fc.property(message, (original) => {
      const head = Buffer.from(`m1\n${original.epoch}\n${original.offset}\n`)
      t.ok(Buffer.concat([head, encodeTail(original)]).equals(encodeMessage(original)))
    })
  )
})

t.test('a block gives its messages back, and of one that is cut short those that are whole', async (t) => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), fc.nat(), (originals, cut) => {
      const block = encodeBlock(originals)
      const decoded = splitBlock(block).map((record) => plain(decodeMessage(record)))
      t.same(decoded, originals.map(plain))
      const rest = splitBlock(block.subarray(0, cut % block.length)).map((record) => plain(decodeMessage(record)))
      t.same(rest, originals.slice(0, rest.length).map(plain))
      t.ok(rest.length < originals.length)
      const published = decodeRecord(Buffer.concat([Buffer.from('b1\n'), block]))
      t.same(published?.kind === 'messages' && published.messages.map(plain), originals.map(plain))
    })
  )
})

t.test('no bytes at all make decoding throw', async (t) => {
  const anything = fc.oneof(
    bytes,
    fc
      .tuple(fc.constantFrom('m1', 's1', 'b1', 'm1\n', 's1\n', 'b1\n', 'b1\n\0\0\0\x09m1\ne\n1\n2', 'm2\n'), bytes)
      .map(([tag, rest]) => Buffer.concat([Buffer.from(tag), rest])),
    fc
      .array(fc.constantFrom('m1', 's1', '', '1', '-1', 'x', '1e400'), { maxLength: 9 })
      .map((lines) => Buffer.from(lines.join(lineFeed)))
  )
  fc.assert(
    fc.property(anything, (record) => {
      const decoded = decodeRecord(record)
      for (const { epoch, offset, timestamp } of decoded?.kind === 'messages' ? decoded.messages : []) {
        t.ok(Number.isSafeInteger(offset) && offset >= 0)
        t.ok(Number.isSafeInteger(timestamp))
        t.not(epoch, '')
      }
    }),
    { numRuns: 1000 }
  )
})

t.test('a record that is cut short in its header is none', async (t) => {
  fc.assert(
    fc.property(message, signal, (oneMessage, oneSignal) => {
      for (const [record, body] of [
        [encodeMessage(oneMessage), oneMessage.encoded],
        [encodeSignal(oneSignal), oneSignal.encoded]
      ] as const) {
        const headerBytes = record.length - body.length
        for (let end = 0; end < headerBytes; end++) t.equal(decodeRecord(record.subarray(0, end)), undefined)
        t.ok(decodeRecord(record.subarray(0, headerBytes)))
      }
    }),
    { numRuns: 30 }
  )
})

t.test('a record of another version is none', async (t) => {
  for (const tag of ['m2', 's2', 'm10', 's10', 'm1 ', 's1x', 'M1', 'S1', '\ufeffm1']) {
    t.equal(decodeRecord(Buffer.from(`${tag}\nepoch\n1\n2\nid\n\n{}`)), undefined, tag)
    t.equal(decodeRecord(Buffer.from(`${tag}\n\n{}`)), undefined, tag)
  }
})

t.test('a message whose numbers are none is none', async (t) => {
  const good = (offset: string, timestamp = '2') => Buffer.from(`m1\nepoch\n${offset}\n${timestamp}\nid\n\n{}`)
  t.ok(decodeMessage(good('1')))
  for (const number of [
    '',
    ' ',
    '-1',
    '1.5',
    'NaN',
    'Infinity',
    '9007199254740993',
    '1e3',
    '0x10',
    ' 1',
    '1 ',
    '+1',
    '1\r'
  ]) {
    t.equal(decodeMessage(good(number)), undefined, `offset '${number}'`)
    t.equal(decodeMessage(good('1', number)), undefined, `timestamp '${number}'`)
  }
  t.equal(decodeMessage(Buffer.from('m1\n\n1\n2\nid\n\n{}')), undefined, 'no epoch')
})
