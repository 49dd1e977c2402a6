import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Scope } from '../support/scope.js'

/** A way to a TCP server on which something else may be slipped in. */
export class Relay {
  readonly port: number
  /** Connections that ever were. */
  opened = 0
  readonly #clients: ReadonlySet<Socket>

  private constructor(port: number, clients: ReadonlySet<Socket>) {
    this.port = port
    this.#clients = clients
  }

  /** To a server on loopback; ended with the scope. */
  static async to(scope: Scope, port: number): Promise<Relay> {
    const clients = new Set<Socket>()
    const server = createServer((client) => {
      relay.opened++
      clients.add(client)
      const target = connect(port, '127.0.0.1')
      for (const [from, to] of [
        [client, target],
        [target, client]
      ] as const) {
        from.on('error', () => to.destroy())
        from.on('close', () => to.destroy())
        from.pipe(to)
      }
      client.on('close', () => clients.delete(client))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    scope.teardown(() => {
      server.close()
      for (const client of clients) client.destroy()
    })
    const relay = new Relay((server.address() as AddressInfo).port, clients)
    return relay
  }

  /** To every client that is there, between what the server says. */
  slipIn(bytes: Buffer): void {
    for (const client of this.#clients) client.write(bytes)
  }
}
