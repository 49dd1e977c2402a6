import { deepEqual, equal } from 'node:assert/strict'
import fc from 'fast-check'
import { accept, compare, send } from '../publishing.js'
import type { World } from '../world.js'
import { ConnectionStep, pick, Step } from './step.js'

interface MemberFields {
  readonly group: number
  readonly user: number
}

class AddMember extends Step {
  readonly #fields: MemberFields

  constructor(fields: MemberFields) {
    super({ ...fields })
    this.#fields = fields
  }

  protected async act(world: World): Promise<void> {
    await beginMembership(world, pick(world.groups, this.#fields.group), pick(world.users, this.#fields.user))
  }
}

async function beginMembership(world: World, group: string, user: string): Promise<void> {
  const { model } = world
  const channel = `group:${group}`
  equal((await world.rest({ method: 'PUT', url: `/groups/${group}/members/${user}` })).status, 204)
  const members = model.membersOf(group)
  if (members.has(user)) return
  const start = model.stream(channel).top
  members.set(user, start)
  for (const connection of model.openOf(user)) {
    const position = model.openCursor(user, connection.device, channel, start)
    world.clientOf(connection).feeds.set(channel, { position })
  }
}

class RemoveMember extends Step {
  readonly #fields: MemberFields

  constructor(fields: MemberFields) {
    super({ ...fields })
    this.#fields = fields
  }

  protected async act(world: World): Promise<void> {
    await removeMember(world, pick(world.groups, this.#fields.group), pick(world.users, this.#fields.user))
  }
}

async function removeMember(world: World, group: string, user: string): Promise<void> {
  endMembership(world, group, user)
  equal((await world.rest({ method: 'DELETE', url: `/groups/${group}/members/${user}` })).status, 204)
}

/** What was sent before and in between is not the member's any more. */
class AddAnew extends Step {
  readonly #fields: MemberFields

  constructor(fields: MemberFields) {
    super({ ...fields })
    this.#fields = fields
  }

  protected async act(world: World): Promise<void> {
    const [group, user] = [pick(world.groups, this.#fields.group), pick(world.users, this.#fields.user)]
    await this.#publish(world, group)
    await world.check()
    await removeMember(world, group, user)
    await this.#publish(world, group)
    await world.check()
    await beginMembership(world, group, user)
    await this.#publish(world, group)
  }

  async #publish(world: World, group: string): Promise<void> {
    const draft = { channel: `group:${group}`, content: { n: ++world.model.counter } }
    accept(world, draft, await send(world, draft))
  }
}

function endMembership(world: World, group: string, user: string): void {
  const { model } = world
  if (!model.membersOf(group).delete(user)) return
  model.dropCursors(user, `group:${group}`)
  for (const connection of model.openOf(user)) world.clientOf(connection).removals.add(`group:${group}`)
}

class DeleteGroup extends Step {
  readonly #group: number

  constructor(fields: { group: number }) {
    super(fields)
    this.#group = fields.group
  }

  protected async act(world: World): Promise<void> {
    const group = pick(world.groups, this.#group)
    for (const user of [...world.model.membersOf(group).keys()]) endMembership(world, group, user)
    world.model.stream(`group:${group}`).purge()
    equal((await world.rest({ method: 'DELETE', url: `/groups/${group}` })).status, 204)
  }
}

/** A member reads what was sent since it is one; nobody else reads or sends anything (I4). */
class ReadGroup extends ConnectionStep {
  readonly #group: number

  constructor(fields: { connection: number; group: number }) {
    super(fields)
    this.#group = fields.group
  }

  protected async act(world: World): Promise<void> {
    const { model } = world
    const client = this.client(world)
    if (client.model.user === null) return
    const group = pick(world.groups, this.#group)
    const members = model.membersOf(group)
    const start = members.get(client.model.user)
    const { body } = await world.rest({ method: 'GET', url: `/groups/${group}/members` })
    deepEqual(
      body.members.map(({ user_id }: { user_id: string }) => user_id),
      [...members.keys()].sort(),
      'I6: the members'
    )
    const answer = await client.ask({ type: 'read_history', group, limit: 1000 })
    if (start !== undefined) {
      equal(answer.type, 'ack')
      compare(world, `group:${group}`, answer.messages, start + 1)
      return
    }
    equal(answer.code, 'forbidden')
    client.model.begun = true
    equal((await client.ask({ type: 'group_message', group, content: 'not for them' })).code, 'forbidden')
  }
}

const member = fc.record({ group: fc.nat(1), user: fc.nat(2) })

export const groups = [
  member.map((fields) => new AddMember(fields)),
  member.map((fields) => new AddMember(fields)),
  member.map((fields) => new RemoveMember(fields)),
  member.map((fields) => new AddAnew(fields)),
  fc.record({ group: fc.nat(1) }).map((fields) => new DeleteGroup(fields)),
  fc.record({ connection: fc.nat(5), group: fc.nat(1) }).map((fields) => new ReadGroup(fields))
]
