import { type Random, systemRandom } from '../../random.js'
import { answered } from '../answered.js'
import { type DeadLetter, INGEST_LEASE_MS, type IngestEntry, type IngestLog, type IngestPage } from '../ingest-log.js'
import type { RawIngestEntry, RedisConnections } from './connections.js'
import type { Keys } from './keys.js'

/** Below the timeout of a command by far. */
const WAIT_MS = 1000

/** The stream `PREFIX:ingest`, with one consumer group and one consumer for all nodes. */
export class RedisIngestLog implements IngestLog {
  readonly #connections: RedisConnections
  readonly #keys: Keys
  readonly #random: Random
  /** Of the lease, another one each time: a read that was asked before and comes late reads nothing. */
  #token = ''

  constructor(connections: RedisConnections, keys: Keys, random: Random = systemRandom) {
    this.#connections = connections
    this.#keys = keys
    this.#random = random
  }

  async take(): Promise<boolean> {
    const former = this.#token
    // Kept also where no answer comes: it may have been taken.
    this.#token = this.#random.uuid()
    const { lease } = this.#connections
    const taken = await answered(lease.rcTakeIngest(this.#keys.ingestLease, this.#token, former, INGEST_LEASE_MS))
    return taken === 1
  }

  async renew(): Promise<number | undefined> {
    const { ingestLease, ingest } = this.#keys
    const { lease } = this.#connections
    return (await answered(lease.rcRenewIngest(ingestLease, ingest, this.#token, INGEST_LEASE_MS))) ?? undefined
  }

  async release(): Promise<void> {
    await answered(this.#connections.lease.rcReleaseIngest(this.#keys.ingestLease, this.#token))
  }

  async read(after: string, limit: number): Promise<IngestPage | undefined> {
    const { ingestLease, ingest } = this.#keys
    const start = after === 'new' ? '>' : after
    const reply = await answered(
      this.#connections.ingest.rcReadIngestBuffer(ingestLease, ingest, this.#token, start, limit)
    )
    if (reply === null) return undefined
    const [entries, end] = reply
    return { entries: entries.map(entryOf), end: end.toString() }
  }

  async wait(end: string): Promise<void> {
    // Only a look: an entry that a blocking read of the group handed out could reach one whose lease is over.
    await answered(this.#connections.ingest.xread('COUNT', 1, 'BLOCK', WAIT_MS, 'STREAMS', this.#keys.ingest, end))
  }

  async settle(id: string): Promise<void> {
    await answered(this.#connections.commands.rcSettleIngest(this.#keys.ingest, id))
  }

  async bury({ entry: { id, message }, reason }: DeadLetter): Promise<void> {
    const { ingest, ingestDead } = this.#keys
    await answered(this.#connections.commands.rcBuryIngest(ingest, ingestDead, id, message ?? '', reason))
  }
}

const FIELD = Buffer.from('message')

function entryOf([id, fields]: RawIngestEntry): IngestEntry {
  const name = (fields ?? []).findIndex((text, index) => index % 2 === 0 && text.equals(FIELD))
  return { id: id.toString(), message: name === -1 ? undefined : fields?.[name + 1], gone: fields === null }
}
