import { WebSocket } from 'ws'
import { RoomcastClient } from '../../../client/src/index.js'
import type { JitterClient, JitterClientOptions } from './client.js'

/** Nobody listens there: who is away cannot come back. */
const NOWHERE = 'ws://127.0.0.1:9/'
const CONNECT_TIMEOUT_MS = 20_000

/** The client package, whose connections are cut under it. What it hands on has passed its filter. */
export class PackageClient implements JitterClient {
  readonly #options: JitterClientOptions
  readonly #client: RoomcastClient
  #socket: WebSocket | undefined
  #away = false
  #wasThere = false

  constructor(options: JitterClientOptions) {
    this.#options = options
    const { userId, onMessage, onOutcome } = options
    const address = () => this.#address()
    const own = (socket: WebSocket) => {
      this.#socket = socket
    }
    class CutSocket extends WebSocket {
      constructor(_url: string | URL, protocols?: string | string[]) {
        super(address(), protocols)
        own(this)
      }
    }
    this.#client = new RoomcastClient({ url: 'ws://127.0.0.1/ws', userId, WebSocket: CutSocket })
    this.#client.on('message', onMessage)
    this.#client.on('gap', () => onOutcome('gap'))
    this.#client.on('reset', () => onOutcome('reset'))
    this.#client.on('removed', () => onOutcome('removed'))
    this.#client.on('presence', ({ action }) => {
      if (action === 'user_left') onOutcome(action)
    })
    this.#client.on('state', ({ state, resumed }) => {
      if (state === 'connected' && this.#wasThere) onOutcome(resumed === true ? 'full' : 'session_not_found')
    })
  }

  async connect(): Promise<boolean> {
    this.#away = false
    if (this.#client.state === 'idle') {
      this.#client.connect()
      await Promise.all(this.#options.rooms.map((room) => this.#client.join(room)))
      return true
    }
    this.#client.retryNow()
    return await this.#connected()
  }

  kill(): void {
    this.#wasThere = true
    this.#away = true
    this.#socket?.terminate()
  }

  end(): void {
    this.kill()
    void this.#client.close()
  }

  #address(): string {
    const { url, userId } = this.#options
    return this.#away ? NOWHERE : `${url().replace('http', 'ws')}/ws?user_id=${userId}`
  }

  #connected(): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#client.state === 'connected') resolve(true)
      const timer = setTimeout(() => resolve(false), CONNECT_TIMEOUT_MS)
      const end = this.#client.on('state', ({ state }) => {
        if (state !== 'connected') return
        clearTimeout(timer)
        end()
        resolve(true)
      })
    })
  }
}
