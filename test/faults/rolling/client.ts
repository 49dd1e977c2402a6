import { WebSocket } from 'ws'
import { RoomcastClient } from '../../../client/src/index.js'
import type { Message } from '../../support/live-client.js'

export interface RollingClientOptions {
  /** Asked for each connection: where the balancer sends it. */
  readonly pick: () => string
  readonly userId: string
  readonly onMessage: (message: Message) => void
  /** A connection was opened. */
  readonly onOpen?: () => void
  /** What members hear of each other, and losses. */
  readonly onOutcome: (outcome: string) => void
}

/** The client package behind a load balancer. */
export class RollingClient {
  readonly client: RoomcastClient
  /** Times without a live connection, in milliseconds. */
  readonly gaps: number[] = []
  #socket: WebSocket | undefined
  #lostAt: number | undefined
  #wasThere = false

  constructor({ pick, userId, onMessage, onOpen, onOutcome }: RollingClientOptions) {
    const own = (socket: WebSocket) => {
      this.#socket = socket
    }
    class BalancedSocket extends WebSocket {
      constructor(_url: string | URL, protocols?: string | string[]) {
        super(`${pick().replace('http', 'ws')}/ws?user_id=${userId}`, protocols)
        this.on('open', () => onOpen?.())
        own(this)
      }
    }
    this.client = new RoomcastClient({ url: 'ws://127.0.0.1/ws', userId, WebSocket: BalancedSocket })
    this.client.on('message', onMessage)
    for (const loss of ['gap', 'reset', 'removed'] as const) this.client.on(loss, () => onOutcome(loss))
    this.client.on('presence', ({ action }) => {
      // The package tells of each room's count, too, when it comes back.
      if (action !== 'online_count') onOutcome(action)
    })
    this.client.on('state', ({ state, resumed }) => this.#onState(state, () => onOutcome(`resumed ${resumed}`)))
  }

  /** The connection is torn from outside; the client comes back by itself. */
  cut(): void {
    this.#socket?.terminate()
  }

  #onState(state: string, tellOutcome: () => void): void {
    if (state === 'connected') {
      if (this.#lostAt !== undefined) this.gaps.push(performance.now() - this.#lostAt)
      if (this.#wasThere) tellOutcome()
      this.#wasThere = true
      this.#lostAt = undefined
    } else if (this.#wasThere) {
      this.#lostAt ??= performance.now()
    }
  }
}
