import path from 'node:path'
import type { Clock } from '../../clock.js'
import { type Random, systemRandom } from '../../random.js'
import type { Readiness, Store } from '../store.js'
import { EmbeddedCursors } from './embedded-cursors.js'
import { EmbeddedGroups } from './embedded-groups.js'
import { EmbeddedNodes } from './embedded-nodes.js'
import { EmbeddedPresence } from './embedded-presence.js'
import { EmbeddedPubSub } from './embedded-pub-sub.js'
import { EmbeddedRecords } from './embedded-records.js'
import { EmbeddedRemovals } from './embedded-removals.js'
import { EmbeddedRevocations } from './embedded-revocations.js'
import { EmbeddedSessions } from './embedded-sessions.js'
import { EmbeddedStreams } from './embedded-streams.js'
import { FolderError, lockFolder } from './folder-lock.js'
import type { Ledger } from './ledger.js'
import { LmdbLedger } from './lmdb-ledger.js'
import { MemoryLedger } from './memory-ledger.js'

/** `DATA_DIR` with this value keeps nothing. */
export const MEMORY = 'memory'
const sweepPeriodMs = 60_000

export interface EmbeddedStoreOptions {
  /** The folder, or `memory`. */
  readonly dataDir: string
  readonly clock: Clock
  /** The system's where none is given. */
  readonly random?: Random
  /** After this time of disuse a device is forgotten, and when a user was there last. */
  readonly deviceTtlMs: number
  /** How long a session waits for its client. */
  readonly sessionTtlMs: number
  /** How long a removal of a user is remembered. */
  readonly removalTtlMs: number
  /** A sweep that failed; the next one tries again. */
  readonly onError: (error: unknown) => void
}

/** Opens the store of a single process. Throws where the folder cannot be opened or another process holds it. */
export function openEmbeddedStore(options: EmbeddedStoreOptions): Store {
  const { dataDir, clock, random = systemRandom, deviceTtlMs, sessionTtlMs, removalTtlMs, onError } = options
  const inMemory = dataDir === MEMORY
  const unlock = inMemory ? () => {} : lockFolder(dataDir)
  const ledger = inMemory ? new MemoryLedger() : openLedger(dataDir)
  const streams = new EmbeddedStreams(ledger, clock, random)
  const records = new EmbeddedRecords(ledger.records, clock)
  const presence = new EmbeddedPresence(() => clock.now(), records, deviceTtlMs)
  const nodes = new EmbeddedNodes(random)
  const sessions = new EmbeddedSessions(nodes.nodeId, records, clock, sessionTtlMs)
  const cursors = new EmbeddedCursors(records, clock, deviceTtlMs)
  const removals = new EmbeddedRemovals(records, clock, removalTtlMs)
  const revocations = new EmbeddedRevocations(records, clock)
  const stopSweeping = clock.every(sweepPeriodMs, () => {
    streams.sweep().catch(onError)
    cursors.sweep().catch(onError)
    sessions.sweep().catch(onError)
    presence.sweep().catch(onError)
    removals.sweep().catch(onError)
    revocations.sweep().catch(onError)
  })
  let closed: Promise<void> | undefined

  return {
    description: inMemory ? 'in memory (nothing is kept)' : `on disk, in ${path.resolve(dataDir)}`,
    durable: ledger.durable,
    streams,
    presence,
    nodes,
    cursors,
    sessions,
    groups: new EmbeddedGroups(records),
    removals,
    revocations,
    pubSub: new EmbeddedPubSub(),
    ingest: undefined,
    readiness,
    // A store within the process is there at once and for all.
    start: ({ onUp }) => onUp(),
    close: () => {
      closed ??= closeAll()
      return closed
    }
  }

  function readiness(): Readiness {
    if (closed !== undefined) return { ready: false, reason: 'store is closed' }
    return streams.writable ? { ready: true } : { ready: false, reason: 'store cannot be written' }
  }

  async function closeAll(): Promise<void> {
    stopSweeping()
    await Promise.all([streams.idle(), records.idle()])
    await ledger.close()
    unlock()
  }
}

function openLedger(dataDir: string): Ledger {
  try {
    return new LmdbLedger(path.join(dataDir, 'roomcast.mdb'))
  } catch (error) {
    throw new FolderError(`DATA_DIR ${dataDir} cannot be opened: ${(error as Error).message}`)
  }
}
