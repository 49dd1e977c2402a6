import { FORKS_MAX } from '../../../src/store/continuity.js'
import { PAGE_BYTES_MAX } from '../../../src/store/streams.js'
import type { Database, Log, LogEntry } from './database.js'
import { type NativeScript, numberAt, type Reply, textAt } from './script.js'

/** Ways in which the scripts may be broken on purpose. */
export interface ScriptFaults {
  /** A message id is no reason to store nothing. */
  readonly forgetsReceipts: boolean
  /** Another run of Redis goes on under the epoch of the last one. */
  readonly neverForks: boolean
}

/** Redis trims whole nodes of a stream, and keeps up to this much more than it was asked to. */
const NODE_ENTRIES = 100

export function streamScripts({ forgetsReceipts, neverForks }: ScriptFaults): Record<string, NativeScript> {
  /** Begins the channel's epoch where it has none, and forks it where another run of Redis wrote it last. */
  function open(db: Database, meta: string, log: string, fresh: { epoch: string; run: string }): [string, string] {
    const known = db.hash(meta)
    const epoch = known.get('epoch')
    const offset = known.get('offset') ?? ''
    if (epoch === undefined) {
      db.delete(log)
      setAll(db, meta, { epoch: fresh.epoch, offset: '0', run: fresh.run })
      return [fresh.epoch, '0']
    }
    if (known.get('run') === fresh.run || neverForks) return [epoch, offset]
    const forks = [...(known.get('forks') ?? '').split(' ').filter(Boolean), `${epoch}:${offset}`].slice(-FORKS_MAX)
    setAll(db, meta, { epoch: fresh.epoch, run: fresh.run, forks: forks.join(' ') })
    return [fresh.epoch, offset]
  }

  const publish: NativeScript = ({ db, keys, argv, publish }) => {
    const [meta, log] = [textAt(keys, 0), textAt(keys, 1)]
    const [size, ttlMs] = [numberAt(argv, 3), numberAt(argv, 4)]
    const known = keys.slice(2).map((key) => db.get(key))
    const answers: Reply[] = []
    const records: Buffer[] = []
    let place: { epoch: string; top: number } | undefined
    const begin = () => {
      db.log(log)
      const [epoch, top] = open(db, meta, log, { epoch: textAt(argv, 1), run: textAt(argv, 2) })
      return { epoch, top: Number(top) }
    }
    for (const [index, key] of keys.slice(2).entries()) {
      const [timestamp, tail] = [textAt(argv, 7 + 2 * index), Buffer.from(argv[8 + 2 * index] ?? '')]
      const receipt = known[index] ?? (place && db.get(key))
      if (receipt !== undefined && !forgetsReceipts) {
        answers.push(1, ...receipt.split(' '))
        continue
      }
      place ??= begin()
      place.top++
      const record = Buffer.concat([Buffer.from(`m1\n${place.epoch}\n${place.top}\n`), tail])
      if (size > 0 && ttlMs > 0) db.append(log, { offset: place.top, ms: db.now(), record })
      records.push(record)
      db.set(key, `${place.epoch} ${place.top} ${timestamp}`, numberAt(argv, 6))
      answers.push(0, place.epoch, String(place.top), timestamp)
    }
    if (place === undefined) return answers
    if (size > 0 && ttlMs > 0) {
      trimTo(db.log(log), size)
      db.expire(log, ttlMs)
    } else {
      db.delete(log)
    }
    setAll(db, meta, { offset: String(place.top), size: String(size), ttl: String(ttlMs) })
    db.expire(meta, numberAt(argv, 5))
    publish(textAt(argv, 0), records.length === 1 ? (records[0] as Buffer) : blockOf(records))
    return answers
  }

  const rcTouch: NativeScript = ({ db, keys, argv }) => {
    const tops: string[] = []
    for (let index = 0; index < keys.length; index += 2) {
      const [meta, log] = [textAt(keys, index), textAt(keys, index + 1)]
      tops.push(...open(db, meta, log, { epoch: `${argv[0]}${index + 1}`, run: textAt(argv, 1) }))
      db.expire(meta, Number(db.hash(meta).get('ttl') ?? 0) + numberAt(argv, 2))
    }
    return tops
  }

  return { publish, rcTouch, rcRead }
}

const rcRead: NativeScript = ({ db, keys, argv }) => {
  const known = db.hash(textAt(keys, 0))
  const epoch = known.get('epoch')
  if (epoch === undefined) return []
  const log = db.log(textAt(keys, 1))
  const top = Number(known.get('offset'))
  const horizon = db.now() - Number(known.get('ttl') ?? 0)
  const oldest = Math.max(oldestKept(log, top, horizon), top - Number(known.get('size') ?? 0) + 1)
  const entries = page(log?.entries ?? [], argv, oldest)
  const wanted = textAt(argv, 3)
  const found = wanted === '' ? [] : (log?.entries ?? []).filter(({ offset }) => offset === Number(wanted))
  const rows = [entries.map(rowOf), found.map(rowOf)]
  return [epoch, String(top), known.get('forks') ?? '', String(oldest), ...rows]
}

/** The first offset that is not too old, top + 1 where none is; drops what lies before. */
function oldestKept(log: Log | undefined, top: number, horizon: number): number {
  const first = log?.entries[0]
  if (log === undefined || first === undefined) return top + 1
  if (first.ms > horizon) return first.offset
  log.entries = log.entries.filter(({ ms }) => ms > horizon)
  return log.entries[0]?.offset ?? top + 1
}

function page(entries: readonly LogEntry[], argv: readonly (string | Buffer)[], oldest: number): LogEntry[] {
  const [direction, from, limit] = [textAt(argv, 0), textAt(argv, 1), numberAt(argv, 2)]
  if (limit === 0) return []
  if (direction === 'after') {
    return collect(
      entries.filter(({ offset }) => offset >= Math.max(Number(from) + 1, oldest)),
      limit
    )
  }
  const to = from === '' ? Number.POSITIVE_INFINITY : Math.max(Number(from) - 1, 0)
  return collect(entries.filter(({ offset }) => offset >= oldest && offset <= to).reverse(), limit)
}

/** Up to a number and a size. */
function collect(entries: readonly LogEntry[], limit: number): LogEntry[] {
  const collected: LogEntry[] = []
  let bytes = 0
  for (const entry of entries.slice(0, limit)) {
    bytes += entry.record.length
    if (collected.length > 0 && bytes > PAGE_BYTES_MAX) break
    collected.push(entry)
  }
  return collected
}

function rowOf({ offset, ms, record }: LogEntry): Reply {
  return [`${offset}-${ms}`, ['r', record]]
}

function trimTo(log: Log | undefined, size: number): void {
  while (log !== undefined && log.entries.length - NODE_ENTRIES >= size) log.entries.splice(0, NODE_ENTRIES)
}

function setAll(db: Database, key: string, fields: Readonly<Record<string, string>>): void {
  for (const [field, text] of Object.entries(fields)) db.hset(key, field, text)
}

function blockOf(records: readonly Buffer[]): Buffer {
  const pieces = records.flatMap((record) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(record.length)
    return [length, record]
  })
  return Buffer.concat([Buffer.from('b1\n'), ...pieces])
}
