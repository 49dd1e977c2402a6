import { randomUUID } from 'node:crypto'
import type { Scope } from '../support/scope.js'
import { Peer } from './peer.js'
import type { Target } from './target.js'

/** Somebody in a room that no attack names, who hears everything there, once and in order. */
export class Neighbour {
  readonly #room = randomUUID()
  #speaker!: Peer
  #listener!: Peer
  #joined = false
  #said = 0
  #heard = 0

  static async move(scope: Scope, home: Pick<Target, 'url' | 'headersOf' | 'pathOf'>): Promise<Neighbour> {
    const neighbour = new Neighbour()
    const come = async (user: string) => {
      const options = { url: home.url, path: home.pathOf(user), headers: await home.headersOf(user) }
      return await Peer.open(scope, options, (message) => neighbour.#onMessage(message))
    }
    neighbour.#speaker = await come('a speaker')
    neighbour.#listener = await come('a listener')
    neighbour.#listener.send({ type: 'join_room', room: neighbour.#room, id: 'join' })
    await neighbour.#listener.until(() => neighbour.#joined, 'the neighbour does not come in')
    return neighbour
  }

  /** Resolves when a message that is sent now was heard. */
  async hears(): Promise<void> {
    const number = ++this.#said
    this.#speaker.send({ type: 'chat_message', room: this.#room, content: number })
    this.#listener.send({ type: 'heartbeat' })
    await this.#listener.until(() => this.#heard === number, 'the neighbour does not hear its room')
  }

  #onMessage({ type, id, room, content, offset }: Record<string, unknown>): void {
    if (type === 'ack' && id === 'join') this.#joined = true
    if (type === 'chat_message' && room === this.#room && content === offset && content === this.#heard + 1)
      this.#heard++
  }
}
