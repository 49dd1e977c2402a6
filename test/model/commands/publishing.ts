import { equal } from 'node:assert/strict'
import fc from 'fast-check'
import type { Client } from '../client.js'
import { accept, compare, type Draft, send } from '../publishing.js'
import type { World } from '../world.js'
import { ConnectionStep, pick, Step } from './step.js'

/** Whose message it is, and which channel it goes to. */
interface Post {
  readonly connection: number
  readonly rest: boolean
  readonly kind: 'room' | 'group' | 'user'
  readonly target: number
  readonly id: 'none' | 'new' | 'again'
}

const post = fc.record<Post>({
  connection: fc.nat(5),
  rest: fc.boolean(),
  kind: fc.constantFrom('room', 'room', 'room', 'group', 'user'),
  target: fc.nat(5),
  id: fc.constantFrom('none', 'none', 'new', 'again')
})

function draftOf(world: World, { connection, rest, kind, target, id }: Post): Draft {
  const { model, rooms, users, groups } = world
  const name = pick({ room: rooms, group: groups, user: users }[kind], target)
  const channel = `${kind}:${name}`
  const senders = model.open.filter(({ user }) => user !== null)
  const sender = rest || senders.length === 0 ? undefined : pick(senders, connection)
  const mayNot = kind === 'group' && !model.membersOf(name).has(sender?.user ?? '')
  const client = sender === undefined || mayNot ? undefined : world.clientOf(sender)
  const known = [...model.stream(channel).receipts.keys()]
  const again = id === 'again' && known.length > 0 ? pick(known, connection + target) : undefined
  return {
    channel,
    content: { n: ++model.counter },
    id: again ?? (id === 'new' ? `m${model.counter}` : undefined),
    client
  }
}

/** One message, by a client or a backend; with an id that was used already it is the first one again. */
class Publish extends Step {
  readonly #post: Post

  constructor(one: Post) {
    super({ ...one })
    this.#post = one
  }

  protected async act(world: World): Promise<void> {
    const draft = draftOf(world, this.#post)
    const answer = await send(world, draft)
    const to = draft.channel.startsWith('user:') && draft.client !== undefined
    if (to) equal(answer.online, world.model.openOf(answer.to).length, 'I6: connections of the recipient')
    accept(world, draft, answer)
  }
}

/** Many messages at once, from everywhere: whatever order they get, all see the same one. */
class PublishMany extends Step {
  readonly #posts: readonly Post[]

  constructor(posts: readonly Post[]) {
    super({ posts })
    this.#posts = posts
  }

  protected async act(world: World): Promise<void> {
    const drafts = this.#posts
      .filter(({ kind }) => kind !== 'user')
      .map((one) => draftOf(world, { ...one, id: 'none' }))
    const answers = await Promise.all(drafts.map(async (draft) => ({ draft, answer: await send(world, draft) })))
    answers.sort((a, b) => a.answer.offset - b.answer.offset)
    for (const { draft, answer } of answers) accept(world, draft, answer)
  }
}

/** The same new id from two at once: one of them is the first, and the other hears its place. */
class PublishTwiceAtOnce extends Step {
  readonly #posts: readonly [Post, Post]

  constructor(posts: readonly [Post, Post]) {
    super({ posts })
    this.#posts = posts
  }

  protected async act(world: World): Promise<void> {
    const [one, other] = this.#posts
    const first = draftOf(world, { ...one, kind: 'room', id: 'new' })
    const second = { ...draftOf(world, { ...other, kind: 'room' }), channel: first.channel, id: first.id }
    const answers = await Promise.all(
      [first, second].map(async (draft) => ({ draft, answer: await send(world, draft) }))
    )
    answers.sort((a, b) => Number(a.answer.duplicate) - Number(b.answer.duplicate))
    for (const { draft, answer } of answers) accept(world, draft, answer)
  }
}

/** The publisher drops before it hears the answer: the retry with the id makes it once (I5). */
class PublishAndDrop extends ConnectionStep {
  readonly #room: number

  constructor(fields: { connection: number; room: number }) {
    super(fields)
    this.#room = fields.room
  }

  protected async act(world: World): Promise<void> {
    const { model } = world
    const client: Client = this.client(world)
    if (client.model.user === null) return
    const channel = `room:${pick(world.rooms, this.#room)}`
    const draft = { channel, id: `lost${++model.counter}`, content: { n: model.counter }, client }
    const unheard = send(world, draft)
    client.leave(1006)
    await unheard
    await world.host.settle(5)
    const retried = await send(world, { ...draft, client: undefined })
    // Stored by the first or by the second: by one of them, and nobody can tell but by the sender.
    accept(world, retried.duplicate ? draft : { ...draft, client: undefined }, { ...retried, duplicate: false })
    world.strikeOut(client)
    model.drop(client.model, false)
  }
}

class Signal extends ConnectionStep {
  readonly #room: number

  constructor(fields: { connection: number; room: number }) {
    super(fields)
    this.#room = fields.room
  }

  protected async act(world: World): Promise<void> {
    const client = this.client(world)
    if (client.model.user === null) return
    const room = pick(world.rooms, this.#room)
    const content = { n: ++world.model.counter }
    for (const other of world.clients) {
      if (other !== client && other.model.rooms.has(room)) {
        other.signals.push({ room, content, user_id: client.model.user })
      }
    }
    equal((await client.ask({ type: 'signal', room, content })).type, 'ack')
  }
}

/** A room's history, as anyone reads it. */
class ReadHistory extends Step {
  readonly #room: number

  constructor(fields: { room: number }) {
    super(fields)
    this.#room = fields.room
  }

  protected async act(world: World): Promise<void> {
    const room = pick(world.rooms, this.#room)
    const { body } = await world.rest({ method: 'GET', url: `/rooms/${room}/history?after=0&limit=1000` })
    equal(body.offset, world.model.stream(`room:${room}`).top)
    compare(world, `room:${room}`, body.messages, 1)
    await world.members(room)
  }
}

const inRoom = fc.record({ connection: fc.nat(5), room: fc.nat(1) })

export const publishing = [
  post.map((one) => new Publish(one)),
  post.map((one) => new Publish(one)),
  post.map((one) => new Publish({ ...one, kind: 'room' })),
  fc.array(post, { minLength: 2, maxLength: 8 }).map((posts) => new PublishMany(posts)),
  fc.tuple(post, post).map((posts) => new PublishTwiceAtOnce(posts)),
  inRoom.map((fields) => new PublishAndDrop(fields)),
  inRoom.map((fields) => new Signal(fields)),
  fc.record({ room: fc.nat(1) }).map((fields) => new ReadHistory(fields))
]
