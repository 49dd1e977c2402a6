import type { ChannelId } from './streams.js'

/** How far a device has acknowledged a channel. */
export interface Cursor {
  readonly epoch: string
  readonly offset: number
}

/** One device of a user in one channel. */
export interface CursorKey {
  readonly userId: string
  readonly deviceId: string
  readonly channel: ChannelId
}

/**
 * The cursors of the users' devices. A device that is not used for `ttlMs` is forgotten, and so is the longest unused
 * one of a user who has more than 16.
 */
export interface Cursors {
  /** The cursor; undefined where the device has none in this channel. Changes nothing. */
  read(key: CursorKey): Promise<Cursor | undefined>
  /** The cursor; where there is none, `start` becomes it. Marks the device as used. Idempotent. */
  open(key: CursorKey, start: Cursor): Promise<Cursor>
  /**
   * Moves the cursor up to `cursor` and answers where it is now: never back within an epoch, so repetitions and
   * crossings change nothing. One of another epoch is replaced. Marks the device as used.
   */
  advance(key: CursorKey, cursor: Cursor): Promise<Cursor>
  /** Forgets the channel's cursors of all devices of the user: a member that left a group. Idempotent. */
  drop(userId: string, channel: ChannelId): Promise<void>
}

/** Devices of one user that are remembered (protocol.md 2.5). */
export const DEVICES_MAX = 16
