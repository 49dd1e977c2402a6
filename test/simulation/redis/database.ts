/** What Redis answers instead of a reply. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError'
}

export interface LogEntry {
  readonly offset: number
  readonly ms: number
  readonly record: Buffer
}

/** A stream whose ids are `OFFSET-MS`. */
export interface Log {
  entries: LogEntry[]
  last: { offset: number; ms: number }
}

type Hash = Map<string, string>
type SortedSet = Map<string, number>

interface Contents {
  readonly string: string
  readonly hash: Hash
  readonly set: Set<string>
  readonly zset: SortedSet
  readonly log: Log
}
type Type = keyof Contents
type Value = { readonly [T in Type]: { readonly type: T; readonly content: Contents[T] } }[Type]

interface Entry {
  readonly value: Value
  expiresAt: number | undefined
}

/** What a Redis holds: keys with values of the types that the server uses, each with a time to live or without. */
export class Database {
  /** By its own wall clock, in milliseconds since 1970. */
  readonly now: () => number
  #entries = new Map<string, Entry>()

  constructor(now: () => number) {
    this.now = now
  }

  get keys(): string[] {
    return [...this.#entries.keys()].filter((key) => this.#live(key) !== undefined)
  }

  /** A copy that later changes do not touch. */
  copy(): Database {
    const copy = new Database(this.now)
    copy.#entries = new Map(
      [...this.#entries].map(([key, { value, expiresAt }]) => [key, { value: copyOf(value), expiresAt }])
    )
    return copy
  }

  clear(): void {
    this.#entries.clear()
  }

  get(key: string): string | undefined {
    return this.#content(key, 'string')
  }

  /** Replaces whatever stands there, its time to live included. */
  set(key: string, content: string, ttlMs?: number): void {
    this.#entries.set(key, { value: { type: 'string', content }, expiresAt: undefined })
    if (ttlMs !== undefined) this.expire(key, ttlMs)
  }

  delete(key: string): boolean {
    return this.#live(key) !== undefined && this.#entries.delete(key)
  }

  has(key: string): boolean {
    return this.#live(key) !== undefined
  }

  expire(key: string, ttlMs: number): void {
    const entry = this.#live(key)
    if (entry === undefined) return
    if (ttlMs <= 0) this.#entries.delete(key)
    else entry.expiresAt = this.now() + ttlMs
  }

  hash(key: string): ReadonlyMap<string, string> {
    return this.#content(key, 'hash') ?? new Map()
  }

  hset(key: string, field: string, text: string): void {
    this.#open(key, 'hash', () => new Map()).set(field, text)
  }

  hdel(key: string, ...fields: string[]): number {
    return this.#remove(key, this.#content(key, 'hash'), fields)
  }

  hincrby(key: string, field: string, by: number): number {
    const sum = Number(this.hash(key).get(field) ?? 0) + by
    this.hset(key, field, String(sum))
    return sum
  }

  members(key: string): ReadonlySet<string> {
    return this.#content(key, 'set') ?? new Set()
  }

  sadd(key: string, member: string): void {
    this.#open(key, 'set', () => new Set()).add(member)
  }

  srem(key: string, member: string): number {
    return this.#remove(key, this.#content(key, 'set'), [member])
  }

  /** By score, then by name. */
  scores(key: string): Array<[member: string, score: number]> {
    return [...(this.#content(key, 'zset') ?? [])].sort(([a, x], [b, y]) => x - y || byBytes(a, b))
  }

  score(key: string, member: string): number | undefined {
    return this.#content(key, 'zset')?.get(member)
  }

  zadd(key: string, score: number, member: string): void {
    this.#open(key, 'zset', () => new Map()).set(member, score)
  }

  zrem(key: string, ...members: string[]): number {
    return this.#remove(key, this.#content(key, 'zset'), members)
  }

  log(key: string): Log | undefined {
    return this.#content(key, 'log')
  }

  append(key: string, entry: LogEntry): void {
    const log = this.#open(key, 'log', () => ({ entries: [], last: { offset: 0, ms: 0 } }))
    const { offset, ms } = log.last
    if (entry.offset < offset || (entry.offset === offset && entry.ms <= ms)) {
      throw new ReplyError('ERR The ID specified in XADD is equal or smaller than the target stream top item')
    }
    log.entries.push(entry)
    log.last = { offset: entry.offset, ms: entry.ms }
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry?.expiresAt === undefined || entry.expiresAt > this.now()) return entry
    this.#entries.delete(key)
    return undefined
  }

  #content<T extends Type>(key: string, type: T): Contents[T] | undefined {
    const value = this.#live(key)?.value
    if (value === undefined) return undefined
    if (value.type !== type) {
      throw new ReplyError('WRONGTYPE Operation against a key holding the wrong kind of value')
    }
    return value.content as Contents[T]
  }

  #open<T extends Type>(key: string, type: T, create: () => Contents[T]): Contents[T] {
    const present = this.#content(key, type)
    if (present !== undefined) return present
    const content = create()
    this.#entries.set(key, { value: { type, content } as Value, expiresAt: undefined })
    return content
  }

  /** A collection without anything in it is no key. */
  #remove(key: string, from: Map<string, unknown> | Set<string> | undefined, names: readonly string[]): number {
    const removed = names.filter((name) => from?.delete(name)).length
    if (from?.size === 0) this.#entries.delete(key)
    return removed
  }
}

/** As Redis compares: byte by byte. */
export function byBytes(a: string | Buffer, b: string | Buffer): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function copyOf(value: Value): Value {
  switch (value.type) {
    case 'hash':
      return { type: 'hash', content: new Map(value.content) }
    case 'set':
      return { type: 'set', content: new Set(value.content) }
    case 'zset':
      return { type: 'zset', content: new Map(value.content) }
    case 'log':
      return { type: 'log', content: { entries: [...value.content.entries], last: { ...value.content.last } } }
    default:
      return value
  }
}
