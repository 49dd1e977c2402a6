import type { LiveClient } from '../support/live-client.js'
import type { TestServer } from '../support/server.js'

/** Somebody who does nothing wrong, and has to notice nothing. */
export class Bystander {
  readonly #speaker: LiveClient
  readonly #listener: LiveClient
  #said = 0

  private constructor(speaker: LiveClient, listener: LiveClient) {
    this.#speaker = speaker
    this.#listener = listener
  }

  static async of(server: Pick<TestServer, 'connect'>): Promise<Bystander> {
    const speaker = await server.connect('/ws?user_id=speaker')
    const listener = await server.connect('/ws?user_id=listener')
    await listener.ask({ type: 'join_room', room: 'calm' })
    return new Bystander(speaker, listener)
  }

  /** Resolves when a message that is sent now was heard. */
  async hears(): Promise<void> {
    const content = ++this.#said
    this.#speaker.send({ type: 'chat_message', room: 'calm', content })
    await this.#listener.next((message) => message.type === 'chat_message' && message.content === content)
  }
}
