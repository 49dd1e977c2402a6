import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Scope } from '../../support/scope.js'
import { Random } from '../support/random.js'
import { Link } from './link.js'
import type { Behaviour } from './manner.js'

/** A wait for a request whose answer is to be lost. */
interface Loss {
  readonly matches: (request: string) => boolean
  readonly onLost: () => void
}

/** A request may come in pieces: so much of what came before is looked at with each. */
const SEAM_BYTES = 1024

/** A TCP proxy on loopback that disturbs on demand; passes everything on until told otherwise. */
export class FaultProxy {
  readonly #server: Server
  readonly #random: Random
  readonly #targetPort: number
  readonly #links = new Set<Link>()
  readonly #seams = new WeakMap<Link, string>()
  #behaviour: Behaviour = {}
  #losses: Loss[] = []
  /** New connections are reset at once; those that are there stay. */
  refusing = false

  private constructor(server: Server, targetPort: number, random: Random) {
    this.#server = server
    this.#targetPort = targetPort
    this.#random = random
    server.on('connection', (client: Socket) => this.#accept(client))
  }

  /** Listens on a free port; ended with the scope, connections included. */
  static async start(scope: Scope, targetPort: number, random = new Random(1)): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true })
    const proxy = new FaultProxy(server, targetPort, random)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    scope.teardown(() => {
      server.close()
      proxy.reset()
    })
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Those that are open, oldest first. */
  get links(): readonly Link[] {
    return [...this.#links]
  }

  /** Those whose client named itself so: `roomcast-subscriber`, `user_id=a`. */
  linksOf(name: string): readonly Link[] {
    return this.links.filter((link) => link.says(name))
  }

  /** For all connections, those that come included. A single one is told by its own `behave`. */
  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour
    for (const link of this.#links) link.behave(behaviour)
  }

  /** Everything passes again, and what was held follows. */
  pass(): void {
    this.refusing = false
    this.behave({})
  }

  /** Ends all connections by RST. */
  reset(): void {
    for (const link of this.#links) link.reset()
  }

  /** Ends all connections by FIN. */
  finish(): void {
    for (const link of this.#links) link.finish()
  }

  /**
   * The next request that matches is forwarded and carried out, its reply is swallowed and the client's connection
   * reset. Resolves when that has happened.
   */
  loseReplyTo(matches: (request: string) => boolean): Promise<void> {
    return new Promise((resolve) => this.#losses.push({ matches, onLost: resolve }))
  }

  #accept(client: Socket): void {
    if (this.refusing) {
      client.resetAndDestroy()
      return
    }
    const link = new Link({
      client,
      targetPort: this.#targetPort,
      random: this.#random,
      onRequest: (from, bytes) => this.#onRequest(from, bytes)
    })
    this.#links.add(link)
    link.behave(this.#behaviour)
    client.on('close', () => this.#links.delete(link))
  }

  #onRequest(link: Link, bytes: Buffer): void {
    if (this.#losses.length === 0) return
    const request = (this.#seams.get(link) ?? '') + bytes.toString()
    this.#seams.set(link, request.slice(-SEAM_BYTES))
    const lost = this.#losses.find(({ matches }) => matches(request))
    if (lost === undefined) return
    this.#losses = this.#losses.filter((loss) => loss !== lost)
    link.loseReply()
    lost.onLost()
  }
}
