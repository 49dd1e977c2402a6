import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import type { ConnectionPool } from '../connections/connection-pool.js'
import type { ControlChannel, ControlListener } from '../control/control-channel.js'
import type { ControlEntry } from '../control/control-entries.js'
import type { RetryQueue } from '../presence/retry-queue.js'
import { CloseCode } from '../protocol/close-codes.js'
import type { RoomRegistry } from '../rooms/room-registry.js'
import type { PageQuery } from '../store/presence.js'
import type { KeptRevocation, Revocation, Revocations } from '../store/revocations.js'
import { type RevocableToken, RevocationIndex, takesBack } from './revocation-index.js'

export interface RevocationRegistryOptions {
  readonly revocations: Revocations
  readonly clock: Clock
  readonly control: ControlChannel
  readonly pool: ConnectionPool
  readonly rooms: RoomRegistry
  readonly retries: RetryQueue
  /** A connection is closed because its token was revoked. */
  readonly onRevoked: () => void
}

/** As long as a token may be valid (protocol.md, section 3): what is forgotten has expired by itself. */
const KEPT_MS = 30 * 86_400_000
const SWEEP_PERIOD_MS = 600_000
const LOAD_PAGE = 1000
/** A revocation is answered after so long, even if there are connections left to be closed. */
const CLOSING_MS = 1000
/** Connections that are looked at in one turn of the event loop. */
const SLICE = 100

/**
 * The tokens that the backend has taken back. Each node knows all of them: a token is looked up when it is shown, without
 * asking the store, and who came in by one is closed when it is revoked.
 */
export class RevocationRegistry implements ControlListener {
  readonly #options: RevocationRegistryOptions
  readonly #index = new RevocationIndex()
  readonly #stop: () => void
  #isLoaded = false

  constructor(options: RevocationRegistryOptions) {
    this.#options = options
    this.#stop = options.clock.every(SWEEP_PERIOD_MS, () => this.#index.sweep(options.clock.now()))
    options.control.subscribe(this)
  }

  /** Revocations that are in force. */
  get size(): number {
    return this.#index.size
  }

  isRevoked(token: RevocableToken): boolean {
    return this.#index.covers(token, this.#options.clock.now())
  }

  /**
   * Takes tokens back, from now on and on all nodes: connections that came by one of them are closed, their sessions are
   * over. Throws `store_unavailable`; doing it again is safe.
   */
  async revoke(revocation: Revocation): Promise<KeptRevocation> {
    const kept = { ...revocation, expiresAt: this.#options.clock.now() + KEPT_MS }
    await this.#keep(kept)
    return kept
  }

  /** Those that are in force, the oldest first. Throws `store_unavailable`. */
  async list(query: PageQuery): Promise<{ revocations: KeptRevocation[]; nextCursor: string | undefined }> {
    return await this.#options.revocations.list(query)
  }

  /** Learns what was revoked before this node was there, once. Throws `store_unavailable`. */
  async load(): Promise<void> {
    if (this.#isLoaded) return
    for (const revocation of await this.#readAll()) this.#index.add(revocation)
    this.#isLoaded = true
    await this.#closeRevoked(this.#options.pool.all())
  }

  async apply(entry: ControlEntry): Promise<void> {
    if (entry.type !== 'revoke') return
    const { user: userId, token: tokenId, before: issuedBefore, expires: expiresAt } = entry
    const revocation = { userId, tokenId, issuedBefore, expiresAt }
    this.#index.add(revocation)
    const { clock, pool } = this.#options
    // One that is over takes nothing back, nor one that names no tokens at all.
    if (expiresAt <= clock.now() || !this.#index.has(revocation)) return
    // All connections may be looked at: by what is new only, which costs next to nothing.
    const isRevoked = (token: RevocableToken) => takesBack(revocation, token)
    const closed = this.#closeRevoked(userId === undefined ? pool.all() : pool.ofUser(userId), isRevoked)
    // Nobody gets in any more; whoever asked for it need not wait until thousands have left.
    await Promise.race([closed, new Promise<void>((resolve) => clock.after(CLOSING_MS, resolve))])
  }

  /** What the store has lost since is written again: it was acknowledged, and other nodes may not have heard of it. */
  async lookUp(): Promise<void> {
    await this.#options.retries.run('revocations', async () => {
      const known = [...this.#index.all()]
      const stored = new RevocationIndex()
      for (const revocation of await this.#readAll()) {
        stored.add(revocation)
        this.#index.add(revocation)
      }
      await this.#closeRevoked(this.#options.pool.all())
      const now = this.#options.clock.now()
      const lost = known.filter((revocation) => revocation.expiresAt > now && !stored.has(revocation))
      for (const revocation of lost) await this.#keep(revocation)
    })
  }

  close(): void {
    this.#stop()
  }

  async #keep(revocation: KeptRevocation): Promise<void> {
    const { userId: user, tokenId: token, issuedBefore: before, expiresAt: expires } = revocation
    await this.#options.revocations.record(revocation)
    await this.#options.control.announce({
      type: 'revoke',
      ...(user !== undefined && { user }),
      ...(token !== undefined && { token }),
      ...(before !== undefined && { before }),
      expires
    })
  }

  async #readAll(): Promise<KeptRevocation[]> {
    const found: KeptRevocation[] = []
    let cursor: string | undefined
    do {
      const page = await this.#options.revocations.list({ limit: LOAD_PAGE, cursor })
      found.push(...page.revocations)
      cursor = page.nextCursor
    } while (cursor !== undefined)
    return found
  }

  /** Who comes in meanwhile is looked at by itself. */
  async #closeRevoked(
    connections: Iterable<Connection>,
    isRevoked = (token: RevocableToken) => this.isRevoked(token)
  ): Promise<void> {
    const isOver = ({ grant }: Connection) => grant !== undefined && isRevoked(grant)
    this.#options.rooms.endGraceWhere(isOver)
    for (const [index, connection] of [...connections].entries()) {
      if (index % SLICE === SLICE - 1) await new Promise((resolve) => setImmediate(resolve))
      if (connection.closed || !isOver(connection)) continue
      this.#options.onRevoked()
      connection.close(CloseCode.Disconnected)
    }
  }
}
