import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import type { PubSub } from '../../src/store/pub-sub.js'
import { span, until } from './hearing.js'

/** One implementation under test; not yet started. */
export type CreatePubSub = (t: Test) => Promise<PubSub>

/** What a node of a test has heard, in the order in which it came. */
export class Heard {
  readonly all: Array<{ channel: string; text: string }> = []

  texts(channel: string): string[] {
    return this.all.filter((heard) => heard.channel === channel).map(({ text }) => text)
  }
}

/** Begins to hear. */
export function started(pubSub: PubSub): Heard {
  const heard = new Heard()
  pubSub.start((channel, payload) => heard.all.push({ channel, text: payload.toString() }))
  return heard
}

export async function send(pubSub: PubSub, channel: string, text: string): Promise<void> {
  await pubSub.publish(channel, Buffer.from(text))
}

/** What every implementation of `PubSub` must do. Run by one file per implementation. */
export function testPubSub(t: Test, createPubSub: CreatePubSub): void {
  const create = async (t: Test) => {
    const pubSub = await createPubSub(t)
    return { pubSub, heard: started(pubSub), channel: `news ${randomUUID()}` }
  }

  t.test('a payload is heard as it is by the node that published it, once', async (t) => {
    const { pubSub, heard, channel } = await create(t)
    await pubSub.subscribe(channel)
    const bytes = Buffer.from([0, 255, 10, 13, 0xc3, 0xa9])
    const payloads: Buffer[] = []
    pubSub.start((_channel, payload) => payloads.push(payload))
    await pubSub.publish(channel, bytes)
    await send(pubSub, channel, '')
    await until(() => payloads.length === 2)
    t.ok(payloads[0]?.equals(bytes))
    t.equal(payloads[1]?.length, 0)
    t.ok(heard.all.length === 0 || heard.all.length === 2)
  })

  t.test('payloads of a channel keep their order', async (t) => {
    const { pubSub, heard, channel } = await create(t)
    await pubSub.subscribe(channel)
    await Promise.all(span(1, 300).map((n) => send(pubSub, channel, String(n))))
    await until(() => heard.all.length === 300)
    t.same(heard.texts(channel), span(1, 300).map(String))
  })

  t.test('what was published before the subscription is not heard, nor what other channels carry', async (t) => {
    const { pubSub, heard, channel } = await create(t)
    await send(pubSub, channel, 'before')
    await pubSub.subscribe(channel)
    for (const other of [`${channel}2`, channel.slice(0, -1), 'news *', channel.toUpperCase()]) {
      await send(pubSub, other, 'other')
    }
    await send(pubSub, channel, 'after')
    await until(() => heard.texts(channel).includes('after'))
    t.same(heard.all, [{ channel, text: 'after' }])
  })

  t.test('subscribing again changes nothing', async (t) => {
    const { pubSub, heard, channel } = await create(t)
    await Promise.all([pubSub.subscribe(channel), pubSub.subscribe(channel)])
    await pubSub.subscribe(channel)
    await send(pubSub, channel, 'one')
    await send(pubSub, channel, 'two')
    await until(() => heard.texts(channel).includes('two'))
    t.same(heard.texts(channel), ['one', 'two'])
  })

  t.test('nothing is heard after the end of a subscription, and again after a new one', async (t) => {
    const { pubSub, heard, channel } = await create(t)
    const marker = `${channel} marker`
    await pubSub.subscribe(marker)
    await pubSub.unsubscribe(channel)
    await pubSub.subscribe(channel)
    await pubSub.unsubscribe(channel)
    await pubSub.unsubscribe(channel)
    await send(pubSub, channel, 'silent')
    await send(pubSub, marker, 'sent')
    await until(() => heard.texts(marker).length === 1)
    t.same(heard.texts(channel), [])
    await pubSub.subscribe(channel)
    await send(pubSub, channel, 'again')
    await until(() => heard.texts(channel).length === 1)
  })

  t.test('ends and beginnings that cross leave what was asked last', async (t) => {
    const { pubSub, heard, channel } = await create(t)
    await Promise.all([pubSub.subscribe(channel), pubSub.unsubscribe(channel), pubSub.subscribe(channel)])
    await send(pubSub, channel, 'heard')
    await until(() => heard.texts(channel).length === 1)
  })

  t.test('any name is a name of its own', async (t) => {
    const { pubSub, heard } = await create(t)
    const names = ['a:b', 'a.b', 'a*', '[a]', '中文', ' ', '__proto__', 'x'.repeat(1000)]
    for (const name of names) await pubSub.subscribe(name)
    for (const name of names) await send(pubSub, name, name)
    await until(() => heard.all.length === names.length)
    t.same(
      heard.all.map(({ text }) => text),
      names
    )
    for (const { channel, text } of heard.all) t.equal(channel, text)
  })
}
