import { randomUUID } from 'node:crypto'
import t from 'tap'
import { storeUnavailable } from '../../src/errors.js'
import { MessageQueue } from '../../src/queue/message-queue.js'
import type { OnPayload, PubSub } from '../../src/store/pub-sub.js'
import { onEachStore as onEach, range } from '../live/each-store.js'
import { bystander } from '../store/redis-harness.js'
import { startRedis } from '../support/redis-server.js'
import { startServer } from '../support/server.js'
import { until } from '../support/until.js'

/** An application chooses channels of its own: its user of Redis may have all of them. */
function onEachStore(title: string, run: Parameters<typeof onEach>[1]): void {
  onEach(title, run, ({ applicationUrl }) => applicationUrl)
}

onEachStore('every handler of a channel hears each message, in order', async (t, start) => {
  const { messageQueue } = (await start()).app
  const channel = randomUUID()
  const heard: unknown[][] = [[], []]
  for (const messages of heard) await messageQueue.subscribe(channel, (message) => messages.push(message))
  const sent = [...range(1, 20), null, 'text', { type: 'x', deep: [{ a: 1 }] }, [], false]
  for (const message of sent) await messageQueue.publish(channel, message)
  await until(() => heard.every(({ length }) => length === sent.length))
  for (const messages of heard) t.strictSame(messages, sent)
})

onEachStore('without a handler a message goes to the one of its type, once', async (t, start) => {
  const { messageQueue } = (await start()).app
  const channel = randomUUID()
  const heard: unknown[] = []
  messageQueue.registerHandler('order', (message) => heard.push(message))
  await messageQueue.subscribe(channel)
  await messageQueue.subscribe(channel)
  const other: unknown[] = []
  await messageQueue.subscribe(channel, (message, name) => other.push([name, message]))
  for (const message of [{ type: 'unknown' }, { type: 5 }, 'order', null, { type: 'toString' }]) {
    await messageQueue.publish(channel, message)
  }
  await messageQueue.publish(channel, { type: 'order', n: 1 })
  await until(() => heard.length > 0 && other.length === 6)
  t.strictSame(heard, [{ type: 'order', n: 1 }])
  t.strictSame(other.at(-1), [channel, { type: 'order', n: 1 }], 'one with a handler hears it too')
  t.equal(messageQueue.dropped, 5)
})

onEachStore('a handler that fails is reported and disturbs nobody', async (t, start) => {
  const { messageQueue, counters } = (await start({ LOG_LEVEL: 'silent' })).app
  const channel = randomUUID()
  const heard: unknown[] = []
  await messageQueue.subscribe(channel, () => {
    throw new Error('at once')
  })
  await messageQueue.subscribe(channel, async () => {
    throw new Error('later')
  })
  messageQueue.registerHandler('x', () => Promise.reject(new Error('by type')))
  await messageQueue.subscribe(channel)
  await messageQueue.subscribe(channel, (message) => heard.push(message))
  const before = counters.failures
  await messageQueue.publish(channel, { type: 'x' })
  await messageQueue.publish(channel, { type: 'x' })
  await until(() => heard.length === 2)
  t.equal(counters.failures - before, 6)
})

onEachStore('a subscription that ended is silent, its neighbours are not', async (t, start) => {
  const { messageQueue } = (await start()).app
  const channel = randomUUID()
  const [gone, stays]: [unknown[], unknown[]] = [[], []]
  const handler = (message: unknown) => gone.push(message)
  const ends = [await messageQueue.subscribe(channel, handler), await messageQueue.subscribe(channel, handler)]
  const endLast = await messageQueue.subscribe(channel, (message) => stays.push(message))
  await messageQueue.publish(channel, 1)
  await until(() => gone.length === 2 && stays.length === 1)
  await ends[0]?.()
  await ends[0]?.()
  await messageQueue.publish(channel, 2)
  await until(() => stays.length === 2)
  t.strictSame(gone, [1, 1, 2], 'the same function once more is a subscription of its own')
  await ends[1]?.()
  await endLast()
  await messageQueue.publish(channel, 3)
  await messageQueue.subscribe(channel, (message) => stays.push(message))
  await messageQueue.publish(channel, 4)
  await until(() => stays.includes(4))
  t.strictSame(stays, [1, 2, 4])
})

onEachStore('channels and messages that cannot be sent are refused', async (t, start) => {
  const { messageQueue, config } = (await start()).app
  for (const channel of ['', '\ud800', `${config.REDIS_PREFIX}:{7}:topic:room:a`]) {
    await t.rejects(messageQueue.publish(channel, 1), { code: 'invalid_id' })
    await t.rejects(messageQueue.subscribe(channel), { code: 'invalid_id' })
  }
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  const polluted = JSON.parse('{"__proto__":{"admin":true}}')
  let deep: unknown = 1
  for (const _ of range(1, 65)) deep = [deep]
  for (const message of [undefined, () => {}, 1n, cycle, polluted, deep]) {
    await t.rejects(messageQueue.publish('news', message), { code: 'invalid_message' })
  }
})

onEachStore('a type has one handler, and not the one of the server', async (t, start) => {
  const { messageQueue } = (await start()).app
  const end = messageQueue.registerHandler('order', () => {})
  t.throws(() => messageQueue.registerHandler('order', () => {}), /has a handler already/)
  for (const type of ['chat_message', 'direct_message', 'broadcast']) {
    t.throws(() => messageQueue.registerHandler(type, () => {}), /the server's own/)
  }
  end()
  messageQueue.registerHandler('order', () => {})
  end()
  t.throws(() => messageQueue.registerHandler('order', () => {}), 'an end that is past ends nobody else')
})

t.test('programs beside the server take part, and their garbage is counted', async (t) => {
  const { applicationUrl: url } = await startRedis(t)
  const settings = { REDIS_URL: url, REDIS_PREFIX: randomUUID() }
  const nodes = [await startServer(t, settings), await startServer(t, settings)]
  const heard: unknown[] = []
  for (const { app } of nodes) await app.messageQueue.subscribe('news', (message) => heard.push(message))
  const outside = await bystander(t, url)
  for (const garbage of ['{', '', 'undefined', '{"__proto__":1}', '['.repeat(70) + ']'.repeat(70)]) {
    await outside.publish('news', garbage)
  }
  await outside.publish('news', '{"type":"x"}')
  await until(() => heard.length === 2)
  t.strictSame(heard, [{ type: 'x' }, { type: 'x' }], 'each node hears it once')
  for (const server of nodes) {
    t.equal(server.app.messageQueue.dropped, 5)
    t.match(await (await fetch(`${server.url}/metrics`)).text(), /^roomcast_queue_dropped_total 5$/m)
  }
})

t.test('a subscription that the store refused is made anew by the next', async (t) => {
  let away = true
  let onPayload: OnPayload = () => {}
  const pubSub: PubSub = {
    start: (listener) => {
      onPayload = listener
    },
    publish: async (channel, payload) => onPayload(channel, payload),
    subscribe: async () => {
      if (away) throw storeUnavailable(new Error('away'))
    },
    unsubscribe: async () => {}
  }
  const queue = new MessageQueue({ pubSub, reservedPrefix: 'p:{', builtIn: new Map(), onError: () => t.fail() })
  const heard: unknown[] = []
  const first = queue.subscribe('news', () => heard.push('refused'))
  const second = queue.subscribe('news', () => heard.push('refused too'))
  await t.rejects(first, { code: 'store_unavailable' })
  await t.rejects(second, { code: 'store_unavailable' })
  away = false
  await queue.subscribe('news', (message) => heard.push(message))
  await queue.publish('news', 1)
  t.strictSame(heard, [1])
  queue.close()
  await queue.publish('news', 2)
  t.strictSame(heard, [1], 'nothing is handed out after the end')
})
