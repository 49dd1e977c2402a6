import type { AsyncCommand } from 'fast-check'
import type { Client } from '../client.js'
import type { Model } from '../model.js'
import type { World } from '../world.js'

/** One command of a sequence: it does something to the server and the model, and then the two have to agree. */
export abstract class Step implements AsyncCommand<Model, World> {
  readonly #fields: Readonly<Record<string, unknown>>

  /** `fields` are what a failing run prints. */
  constructor(fields: Readonly<Record<string, unknown>>) {
    this.#fields = fields
  }

  check(_model: Readonly<Model>): boolean {
    return true
  }

  async run(_model: Model, world: World): Promise<void> {
    await this.act(world)
    await world.check()
  }

  toString(): string {
    const fields = Object.entries(this.#fields).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    return `${this.constructor.name}(${fields.join(', ')})`
  }

  protected abstract act(world: World): Promise<void>
}

/** One of a list by any number: what a sequence names need not be there. */
export function pick<T>(list: readonly T[], index: number): T {
  const picked = list[index % list.length]
  if (picked === undefined) throw new Error('nothing to pick from')
  return picked
}

/** A step of a connection that is open. */
export abstract class ConnectionStep extends Step {
  readonly #connection: number

  constructor(fields: Readonly<Record<string, unknown>> & { readonly connection: number }) {
    super(fields)
    this.#connection = fields.connection
  }

  override check({ open }: Readonly<Model>): boolean {
    return open.length > 0
  }

  protected client(world: World): Client {
    return world.clientOf(pick(world.model.open, this.#connection))
  }
}
