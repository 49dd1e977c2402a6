import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** While more come, or the node is busy, one is served in so many turns. */
const TURNS_PER_SERVED = 4
/** Served in a turn of the event loop, once nobody comes any more: those who are there have their turns in between. */
const SERVED_PER_TURN = 4

/**
 * Connections on their way from the listening queue to HTTP. Node takes one a turn out of that queue, and each makes
 * a turn long: a herd would overflow it, and who finds no place there asks again after seconds only. So a herd is
 * taken in first, which is cheap, and served then, some a turn. One that comes alone does not wait.
 */
export class Arrivals {
  readonly #serve: (socket: Socket) => void
  readonly #isBusy: () => boolean
  /** In the order in which they came. */
  readonly #waiting = new Set<Socket>()
  /** Since one was served. */
  #turns = 0
  /** Somebody came since the last turn. */
  #isComing = false
  #scheduled = false

  /** While `isBusy`, who was served before has not come to its end: others come slowly, but they come. */
  constructor(serve: (socket: Socket) => void, isBusy: () => boolean = () => false) {
    this.#serve = serve
    this.#isBusy = isBusy
  }

  add(socket: Socket): void {
    const isAlone = !this.#scheduled
    this.#isComing = true
    this.#schedule()
    if (isAlone) this.#serve(socket)
    else this.#waiting.add(socket)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#onTurn())
  }

  #onTurn(): void {
    this.#scheduled = false
    this.#turns++
    if (!this.#isComing && !this.#isBusy()) this.#serveNext(SERVED_PER_TURN)
    else if (this.#turns >= TURNS_PER_SERVED) this.#serveNext(1)
    if (this.#isComing || this.#waiting.size > 0) this.#schedule()
    this.#isComing = false
  }

  #serveNext(count: number): void {
    this.#turns = 0
    let left = count
    for (const socket of this.#waiting) {
      if (left-- === 0) return
      this.#waiting.delete(socket)
      if (!socket.destroyed) this.#serve(socket)
    }
  }
}

/** Lets the connections of a server come in through `Arrivals`. Call before it listens. */
export function takeInHerds(server: Server, isBusy: () => boolean): void {
  const listeners = server.listeners('connection')
  const arrivals = new Arrivals((socket) => {
    for (const listener of listeners) listener.call(server, socket)
    socket.resume()
  }, isBusy)
  server.removeAllListeners('connection')
  server.on('connection', (socket) => arrivals.add(socket))
  // Nothing of it is read while it waits. An option of `net.Server` that `http.Server` does not pass on.
  Object.assign(server, { pauseOnConnect: true })
}
