import type { Clock } from '../../clock.js'
import { answered } from '../answered.js'
import { type Cursor, type CursorKey, type Cursors, DEVICES_MAX } from '../cursors.js'
import type { ChannelId } from '../streams.js'
import type { EmbeddedRecords } from './embedded-records.js'

/** One device of a user with its cursors by channel. */
interface Device {
  readonly usedAt: number
  readonly cursors: Readonly<Record<ChannelId, [epoch: string, offset: number]>>
}

const TABLE = 'device'

/** Cursors of one process. */
export class EmbeddedCursors implements Cursors {
  readonly #records: EmbeddedRecords
  readonly #clock: Clock
  readonly #ttlMs: number

  constructor(records: EmbeddedRecords, clock: Clock, ttlMs: number) {
    this.#records = records
    this.#clock = clock
    this.#ttlMs = ttlMs
  }

  async read(key: CursorKey): Promise<Cursor | undefined> {
    return this.#cursorOf(key)
  }

  async open(key: CursorKey, start: Cursor): Promise<Cursor> {
    const cursor = this.#cursorOf(key) ?? start
    await this.#store(key, cursor)
    return cursor
  }

  async advance(key: CursorKey, cursor: Cursor): Promise<Cursor> {
    const before = this.#cursorOf(key)
    const moved = before?.epoch === cursor.epoch && before.offset > cursor.offset ? before : cursor
    await this.#store(key, moved)
    return moved
  }

  async drop(userId: string, channel: ChannelId): Promise<void> {
    const changes = this.#records.entries<Device>([TABLE, userId]).map(({ key, value }) => {
      const { [channel]: _dropped, ...cursors } = value.cursors
      return this.#records.put(key, { ...value, cursors })
    })
    await answered(Promise.all(changes))
  }

  /** Forgets devices that were not used for too long. */
  async sweep(): Promise<void> {
    await this.#records.sweep<Device>(TABLE, (device) => this.#isExpired(device))
  }

  #cursorOf({ userId, deviceId, channel }: CursorKey): Cursor | undefined {
    const device = this.#deviceOf(userId, deviceId)
    if (device === undefined || !Object.hasOwn(device.cursors, channel)) return undefined
    const [epoch, offset] = device.cursors[channel] as [string, number]
    return { epoch, offset }
  }

  async #store({ userId, deviceId, channel }: CursorKey, { epoch, offset }: Cursor): Promise<void> {
    const device = this.#deviceOf(userId, deviceId)
    const cursors = { ...device?.cursors, [channel]: [epoch, offset] }
    const stored = this.#records.put([TABLE, userId, deviceId], { usedAt: this.#clock.now(), cursors })
    const forgotten = device === undefined ? this.#forgetOldest(userId, deviceId) : []
    await answered(Promise.all([stored, ...forgotten]))
  }

  /** Makes room for a device that has just come; it stays itself, whatever the clock says. */
  #forgetOldest(userId: string, newest: string): Array<Promise<void>> {
    const others = this.#records.entries<Device>([TABLE, userId]).filter(({ key }) => key[2] !== newest)
    const byUse = others.sort((a, b) => a.value.usedAt - b.value.usedAt)
    const surplus = Math.max(others.length + 1 - DEVICES_MAX, 0)
    return byUse.slice(0, surplus).map(({ key }) => this.#records.put(key, undefined))
  }

  #deviceOf(userId: string, deviceId: string): Device | undefined {
    const device = this.#records.get<Device>([TABLE, userId, deviceId])
    return device === undefined || this.#isExpired(device) ? undefined : device
  }

  #isExpired({ usedAt }: Device): boolean {
    return this.#clock.now() - usedAt >= this.#ttlMs
  }
}
