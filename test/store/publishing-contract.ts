import type { Test } from 'tap'
import { freshChannel, freshId, Hearing, offsetsOf, post, roomy, span, until } from './hearing.js'
import type { CreateStreams } from './streams-contract.js'

/** Numbering, idempotency, names and payloads. */
export function testPublishing(t: Test, createStreams: CreateStreams): void {
  const started = async (t: Test) => {
    const created = await createStreams(t)
    const heard = new Hearing()
    await created.streams.start(heard)
    return { ...created, heard }
  }

  t.test('messages of a channel are numbered 1, 2, 3 under one epoch', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    const published = []
    for (let count = 0; count < 3; count++) published.push(await post(streams, channel))
    t.same(
      published.map(({ position }) => position.offset),
      [1, 2, 3]
    )
    t.equal(new Set(published.map(({ position }) => position.epoch)).size, 1)
    t.match(published[0]?.position.epoch, /^.{1,64}$/)
    t.equal(published[0]?.duplicate, false)
    t.ok(['memory', 'disk', 'redis', 'replicated'].includes(published[0]?.durable ?? ''))
  })

  t.test('an answer repeats the message id and the timestamp of the publish', async (t) => {
    const { streams } = await started(t)
    const answer = await post(streams, freshChannel(), 'hi', { messageId: 'mine', timestamp: 1_700_000_000_123 })
    t.equal(answer.position.messageId, 'mine')
    t.equal(answer.timestamp, 1_700_000_000_123)
  })

  t.test('publishes that are under way together are stored in the order of the calls, without a hole', async (t) => {
    const { streams, heard } = await started(t)
    const channels = [freshChannel(), freshChannel()]
    await streams.subscribe(channels)
    const calls: Array<Promise<number>> = []
    for (let index = 0; index < 600; index++) {
      const call = post(streams, channels[index % 2] as string, String(index))
      calls.push(call.then(({ position }) => position.offset))
      // Over several turns of the event loop, so that more than one batch is under way.
      if (index % 50 === 49) await new Promise(setImmediate)
    }
    const offsets = await Promise.all(calls)
    for (const [which, channel] of channels.entries()) {
      t.same(
        offsets.filter((_, index) => index % 2 === which),
        span(1, 300),
        'the order of the answers'
      )
      const { messages } = await streams.read(channel, { limit: 1000 })
      t.same(offsetsOf(messages), span(1, 300))
      t.same(
        messages.map(({ encoded }) => Number(`${encoded}`)),
        span(0, 299).map((index) => index * 2 + which),
        'the order of what is stored'
      )
      await until(() => heard.offsets(channel).length >= 300)
      t.same(heard.offsets(channel), span(1, 300))
    }
  })

  t.test('a publish that follows on an answer, however closely, is answered too', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    for (let hops = 0; hops <= 12; hops++) {
      const closely = async () => {
        await post(streams, channel)
        for (let hop = 0; hop < hops; hop++) await undefined
        await post(streams, channel)
      }
      let answered = false
      closely().then(() => {
        answered = true
      }, t.fail)
      await until(() => answered, 3000).catch(() => t.fail(`${hops} steps after the answer`))
      // One that hangs would be carried along by the next.
      await post(streams, channel)
    }
    t.same(offsetsOf((await streams.read(channel, { limit: 100 })).messages), span(1, 39))
  })

  t.test('a message id that was seen answers the first place, and stores and sends nothing', async (t) => {
    const { streams, heard } = await started(t)
    const [channel, marker] = [freshChannel(), freshChannel()]
    await streams.subscribe([channel, marker])
    const messageId = freshId()
    const timestamp = Date.now()
    const first = await post(streams, channel, 'first', { messageId, timestamp })
    await post(streams, channel, 'other')
    const second = await post(streams, channel, 'second', { messageId, timestamp: timestamp + 1000 })
    t.same(second, { ...first, duplicate: true })
    t.equal(second.timestamp, timestamp)
    await post(streams, marker)
    await until(() => heard.offsets(marker).length === 1)
    t.same(heard.texts(channel), ['first', 'other'])
    const page = await streams.read(channel, { limit: 10 })
    t.same(offsetsOf(page.messages), [1, 2])
    t.equal(page.top?.offset, 2)
  })

  t.test('of publishes with one message id that are under way together, one is stored', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    const messageId = freshId()
    const answers = await Promise.all(
      span(1, 20).map((n) => post(streams, channel, `${n}`, { messageId, timestamp: n }))
    )
    t.equal(answers.filter(({ duplicate }) => !duplicate).length, 1)
    t.equal(answers[0]?.duplicate, false, 'the first call is the one')
    for (const { position, timestamp } of answers) {
      t.equal(position.offset, 1)
      t.equal(timestamp, 1)
    }
    t.equal((await post(streams, channel)).position.offset, 2)
  })

  t.test('one message id may be used in every channel', async (t) => {
    const { streams } = await started(t)
    const messageId = freshId()
    for (const channel of [freshChannel(), freshChannel()]) {
      t.match(await post(streams, channel, 'hi', { messageId }), { duplicate: false, position: { offset: 1 } })
    }
  })

  t.test('a message id is free again when its time is over', async (t) => {
    const { streams, now, pass } = await started(t)
    const channel = freshChannel()
    const messageId = freshId()
    const publish = () => post(streams, channel, 'hi', { messageId, timestamp: now(), idempotencyMs: 300 })
    await publish()
    t.equal((await publish()).duplicate, true)
    await pass(300)
    let again = await publish()
    await until(async () => {
      if (again.duplicate) again = await publish()
      return !again.duplicate
    })
    t.equal(again.position.offset, 2)
    t.match(await publish(), { duplicate: true, position: { offset: 2 } })
  })

  t.test('the time of a message id counts from its first publish', async (t) => {
    const { streams, pass } = await started(t)
    const channel = freshChannel()
    const messageId = freshId()
    const publish = () => post(streams, channel, 'hi', { messageId, idempotencyMs: 400 })
    await publish()
    await until(async () => {
      const { duplicate } = await publish()
      await pass(20)
      return !duplicate
    })
    t.equal((await streams.tops([channel]))[0]?.offset, 2)
  })

  t.test('no name leads to the channel of another', async (t) => {
    const { streams, heard } = await started(t)
    const names = ['{a}b', '{a}', 'a', 'b', 'a:b', ':b', 'a:', '../x', '..', '聊天 室/1', '__proto__', 'constructor']
    names.push('*', 'h?llo', '[a-z]*', 'A', 'a\\', '%2e', ' a', 'a ', '\u{1f600}', 'é', 'e\u0301', 'x'.repeat(128), '0')
    const channels = names.flatMap((name) => [`room:${name}`, `user:${name}`])
    const tops = await streams.subscribe(channels)
    t.equal(new Set(tops.map(({ epoch }) => epoch)).size, channels.length, 'an epoch each')
    for (const channel of channels) await post(streams, channel, `${channel}\n1`)
    const answers = await Promise.all(channels.map((channel) => post(streams, channel, `${channel}\n2`)))
    t.same(
      answers.map(({ position }) => position.offset),
      channels.map(() => 2)
    )
    await until(() => heard.messages.length >= channels.length * 2)
    for (const channel of channels) {
      const { messages } = await streams.read(channel, { limit: 10 })
      const expected = [`${channel}\n1`, `${channel}\n2`]
      t.same(
        messages.map(({ encoded }) => `${encoded}`),
        expected,
        channel
      )
      t.same(heard.texts(channel), expected, channel)
    }
  })

  t.test('no message id stands for another, in whichever channel', async (t) => {
    const { streams } = await started(t)
    const pairs = [
      ['room:a', 'b:c'],
      ['room:a:b', 'c'],
      ['room:聊', '天:x'],
      ['room:聊天', ':x'],
      ['room:a', '__proto__'],
      ['room:a', '*'],
      ['room:a', 'b'],
      ['room:a', 'B'],
      ['room:a', '1'],
      ['room:a', '{x}']
    ] as const
    for (const [channel, messageId] of pairs) {
      t.equal((await post(streams, channel, 'hi', { messageId })).duplicate, false, `${channel} ${messageId}`)
    }
    for (const [channel, messageId] of pairs) {
      t.equal((await post(streams, channel, 'hi', { messageId })).duplicate, true, `${channel} ${messageId}`)
    }
  })

  t.test('a payload comes back byte by byte, stored and live', async (t) => {
    const { streams, heard } = await started(t)
    const channel = freshChannel()
    await streams.subscribe([channel])
    const everyByte = Buffer.from(span(0, 255))
    const payloads = [everyByte, Buffer.alloc(0), Buffer.from('\n\r\n\0\n'), Buffer.from('{"text":"聊天 \u{1f600}"}')]
    payloads.push(Buffer.alloc(1_000_000, everyByte), Buffer.from('after'))
    for (const payload of payloads) await post(streams, channel, payload)
    const { messages } = await streams.read(channel, { limit: 10 })
    // Read once more before comparing: a buffer that is reused would have changed by now.
    await streams.read(channel, { limit: 1 })
    await until(() => heard.offsets(channel).length === payloads.length)
    for (const [index, payload] of payloads.entries()) {
      t.ok(messages[index]?.encoded.equals(payload), `stored payload ${index}`)
      t.ok(heard.messages[index]?.message.encoded.equals(payload), `live payload ${index}`)
    }
  })

  t.test('a message carries its epoch, offset, id, timestamp and excluded connections, stored and live', async (t) => {
    const { streams, heard } = await started(t)
    const channel = freshChannel()
    await streams.subscribe([channel])
    const messageId = '聊天 1/{x}:*'
    const exclude = ['one', 'two']
    // Of the store's own time, as `retention` counts from it.
    const timestamp = Date.now()
    const { position } = await post(streams, channel, '{}', { messageId, timestamp, exclude, retention: roomy })
    const expected = { ...position, timestamp, exclude, encoded: Buffer.from('{}') }
    await until(() => heard.messages.length === 1)
    const { messages } = await streams.read(channel, { limit: 1 })
    t.same({ ...messages[0] }, expected)
    t.same({ ...heard.messages[0]?.message }, expected)
  })
}
