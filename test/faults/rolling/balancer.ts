import type { Scope } from '../../support/scope.js'
import type { ServerProcess } from '../../support/server-process.js'
import type { Random } from '../support/random.js'

const LOOK_PERIOD_MS = 250

/** Sends each new connection to one of the nodes that said they were ready when it last asked them. */
export class Balancer {
  readonly #nodes = new Map<ServerProcess, { ready: boolean }>()
  readonly #random: Random

  constructor(scope: Scope, random: Random) {
    this.#random = random
    const timer = setInterval(() => void this.#look(), LOOK_PERIOD_MS)
    scope.teardown(() => clearInterval(timer))
  }

  /** A node that is ready. */
  add(node: ServerProcess): void {
    this.#nodes.set(node, { ready: true })
  }

  remove(node: ServerProcess): void {
    this.#nodes.delete(node)
  }

  /** Of a ready node; of any where none is. */
  readonly pick = (): string => {
    const all = [...this.#nodes]
    const ready = all.filter(([, state]) => state.ready)
    const [node] = this.#random.pick(ready.length > 0 ? ready : all)
    return node.url
  }

  async #look(): Promise<void> {
    await Promise.all(
      [...this.#nodes].map(async ([{ url }, state]) => {
        const answer = await fetch(`${url}/health/ready`).catch(() => undefined)
        state.ready = answer?.status === 200
      })
    )
  }
}
