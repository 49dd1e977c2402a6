import { deepEqual, equal } from 'node:assert/strict'
import fc from 'fast-check'
import type { Message } from '../../support/live-client.js'
import type { Client } from '../client.js'
import { compare, splitChannel } from '../publishing.js'
import type { World } from '../world.js'
import { ConnectionStep, pick, Step } from './step.js'

interface AckFields {
  readonly connection: number
  readonly channel: number
  readonly upTo: 'heard' | 'half' | 'zero' | 'beyond'
  readonly epoch: 'none' | 'present' | 'foreign'
  readonly rest: boolean
}

/** Moves a device's cursor, or must not. */
class Acknowledge extends ConnectionStep {
  readonly #fields: AckFields

  constructor(fields: AckFields) {
    super({ ...fields })
    this.#fields = fields
  }

  protected async act(world: World): Promise<void> {
    const { model } = world
    const client = this.client(world)
    if (client.model.user === null) return
    const channel = pick([...client.feeds.keys()], this.#fields.channel)
    const { top } = model.stream(channel)
    const offset = { heard: top, half: top >> 1, zero: 0, beyond: top + 1 }[this.#fields.upTo]
    await this.#acknowledge(world, client, { channel, offset })
    // What crosses it on the way.
    if (offset <= top) await this.#acknowledge(world, client, { channel, offset: offset >> 1 })
  }

  async #acknowledge(
    world: World,
    client: Client,
    { channel, offset }: { channel: string; offset: number }
  ): Promise<void> {
    const { model } = world
    const { device } = client.model
    const user = client.model.user ?? ''
    const stream = model.stream(channel)
    const { top } = stream
    const epochs = { none: undefined, present: stream.epoch, foreign: 'elsewhere' }
    const epoch = epochs[this.#fields.epoch]
    const [kind, name] = splitChannel(channel)
    const body = { offset, ...(epoch !== undefined && { epoch }) }
    const answer =
      this.#fields.rest && kind === 'user'
        ? (await world.rest({ method: 'POST', url: `/users/${name}/inbox/ack`, body: { ...body, device_id: device } }))
            .body
        : await client.ask({ type: 'inbox_ack', ...body, ...(kind === 'group' && { group: name }) })

    if (offset > top && epoch !== 'elsewhere') {
      equal(answer.code, 'invalid_message', 'an acknowledgement above the top')
      return
    }
    // Null where the channel has not begun: nobody has used it, and who has just come is about to.
    stream.epoch ??= answer.epoch ?? undefined
    const start = model.feedsOf(user).get(channel) ?? 0
    const before = Math.max(model.cursorOf(user, device, channel) ?? stream.oldest(model.now()) - 1, start)
    const moves = epoch !== 'elsewhere' && offset > before
    deepEqual(
      { offset: answer.offset, epoch: answer.epoch },
      { offset: moves ? offset : before, epoch: stream.epoch ?? null },
      `the cursor in ${channel}, which never goes back`
    )
    if (moves) model.setCursor(user, device, channel, offset)
  }
}

/** An inbox as a backend reads it: changes nothing and makes no device. */
class ReadInbox extends Step {
  readonly #fields: { readonly user: number; readonly device: number }

  constructor(fields: { user: number; device: number }) {
    super(fields)
    this.#fields = fields
  }

  protected async act(world: World): Promise<void> {
    const { model } = world
    const user = pick(world.users, this.#fields.user)
    const device = `d${this.#fields.device}`
    const channel = `user:${user}`
    const stream = model.stream(channel)
    const { body } = await world.rest({ method: 'GET', url: `/users/${user}/inbox?device_id=${device}&limit=1000` })
    const oldest = stream.oldest(model.now())
    const cursor = model.cursorOf(user, device, channel) ?? oldest - 1
    equal(body.cursor, cursor, `the cursor of ${device}`)
    equal(body.offset, stream.top)
    equal(body.unacked, stream.top - Math.max(cursor, oldest - 1))
    compare(world, channel, body.messages as Message[], cursor + 1)
  }
}

export const inbox = [
  fc
    .record<AckFields>({
      connection: fc.nat(5),
      channel: fc.nat(2),
      upTo: fc.constantFrom('heard', 'heard', 'half', 'half', 'zero', 'beyond'),
      epoch: fc.constantFrom('none', 'none', 'present', 'foreign'),
      rest: fc.boolean()
    })
    .map((fields) => new Acknowledge(fields)),
  fc.record({ user: fc.nat(2), device: fc.nat(1) }).map((fields) => new ReadInbox(fields))
]
