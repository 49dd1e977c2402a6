import { equal } from 'node:assert/strict'
import fc from 'fast-check'
import type { World } from '../world.js'
import { Step } from './step.js'

class Advance extends Step {
  readonly #seconds: number

  constructor(fields: { seconds: number }) {
    super(fields)
    this.#seconds = fields.seconds
  }

  protected async act(world: World): Promise<void> {
    await world.advance(this.#seconds * 1000)
  }
}

/** The server ends and begins anew on what it has stored: sessions, cursors and histories outlive it. */
class Restart extends Step {
  protected async act(world: World): Promise<void> {
    const { host, model } = world
    await host.restart()
    for (const client of [...world.clients]) {
      equal(client.closedWith, 1012)
      world.strikeOut(client)
      model.drop(client.model, false)
    }
    if (host.store !== 'redis') {
      model.ghosts = []
      return
    }
    // Until the grace is over they count as if they might come to another node; this one buries them then.
    await world.check()
    await host.endGrace()
    for (let second = 0; second < 12; second++) await world.advance(1000)
    model.ghosts = []
  }
}

/** The same by `kill -9`. */
class Crash extends Step {
  protected async act(world: World): Promise<void> {
    const { host, model } = world
    world.hearAll()
    const clients = world.clients
    world.clients = []
    const since = await host.crash()
    for (const { model: connection } of clients) {
      model.vanish(connection, false)
      connection.session.releasedAt = since
    }
    model.ghosts = []
    // The dead node is found out when its lease is over, and buried by this one.
    if (host.store === 'redis') for (let second = 0; second < 12; second++) await world.advance(1000)
    await host.dateEnd(since)
  }
}

export const time = [fc.constantFrom(1, 4, 9, 11, 31, 31, 65, 125, 310).map((seconds) => new Advance({ seconds }))]
export const restarts = [fc.constant(0).map(() => new Restart({})), fc.constant(0).map(() => new Crash({}))]
