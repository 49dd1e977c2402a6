import { answered } from '../answered.js'
import { type Cursor, type CursorKey, type Cursors, DEVICES_MAX } from '../cursors.js'
import type { ChannelId } from '../streams.js'
import type { RedisConnection } from './connections.js'
import type { Keys } from './keys.js'

/** Cursors over all nodes. Every key has the time of its disuse. */
export class RedisCursors implements Cursors {
  readonly #redis: RedisConnection
  readonly #keys: Keys
  readonly #ttlMs: number
  readonly #now: () => number

  constructor(redis: RedisConnection, keys: Keys, ttlMs: number, now: () => number) {
    this.#redis = redis
    this.#keys = keys
    this.#ttlMs = ttlMs
    this.#now = now
  }

  async read({ userId, deviceId, channel }: CursorKey): Promise<Cursor | undefined> {
    const cursor = await answered(this.#redis.hget(this.#keys.deviceCursors(userId, deviceId), channel))
    return cursor === null ? undefined : parseCursor(cursor)
  }

  async open(key: CursorKey, start: Cursor): Promise<Cursor> {
    return await this.#move(key, start, 'open')
  }

  async advance(key: CursorKey, cursor: Cursor): Promise<Cursor> {
    return await this.#move(key, cursor, 'advance')
  }

  async drop(userId: string, channel: ChannelId): Promise<void> {
    const devices: string[] = await answered(this.#redis.zrange(this.#keys.devices(userId), '0', '-1'))
    const drops = devices.map((deviceId) => this.#redis.hdel(this.#keys.deviceCursors(userId, deviceId), channel))
    await answered(Promise.all(drops))
  }

  async #move({ userId, deviceId, channel }: CursorKey, cursor: Cursor, how: 'open' | 'advance'): Promise<Cursor> {
    const reply = this.#redis.rcMoveCursor(
      this.#keys.devices(userId),
      this.#keys.deviceCursors(userId, deviceId),
      this.#keys.deviceCursors(userId, ''),
      deviceId,
      channel,
      cursor.epoch,
      cursor.offset,
      how,
      this.#now(),
      this.#ttlMs,
      DEVICES_MAX
    )
    // One that cannot be read is as good as none; the next acknowledgement writes it anew.
    return parseCursor(await answered(reply)) ?? cursor
  }
}

/** Undefined for what no script has written. */
function parseCursor(text: string): Cursor | undefined {
  const [, epoch, digits] = /^(.+):(\d{1,16})$/s.exec(text) ?? []
  const offset = Number(digits)
  return epoch !== undefined && Number.isSafeInteger(offset) ? { epoch, offset } : undefined
}
