import type { Connection } from '../connections/connection.js'
import type { ConnectionPool } from '../connections/connection-pool.js'
import type { ControlChannel, ControlListener } from '../control/control-channel.js'
import type { ControlEntry } from '../control/control-entries.js'
import { storeUnavailable } from '../errors.js'
import type { DeviceFeeds, Feed } from '../inbox/device-feeds.js'
import type { RetryQueue } from '../presence/retry-queue.js'
import { isNamedUser } from '../protocol/ids.js'
import { encodeRemoved } from '../protocol/pushes.js'
import type { Groups, UserGroup } from '../store/groups.js'
import { groupChannel, groupOf } from './group-channel.js'
import { KeyedTask } from './keyed-task.js'

export interface MemberFeedsOptions {
  readonly groups: Groups
  readonly feeds: DeviceFeeds
  readonly control: ControlChannel
  readonly pool: ConnectionPool
  readonly retries: RetryQueue
}

/**
 * Lets the connections of members on this node hear their groups. There is one way in and out: a user's memberships are
 * looked up in the store and what its connections hear is brought to that; when one identifies itself, when the control
 * channel tells of a change, and when entries of it are lost.
 */
export class MemberFeeds implements ControlListener {
  readonly #options: MemberFeedsOptions
  readonly #lookUps = new KeyedTask((userId, isStale) => this.#lookUpSafely(userId, isStale))

  constructor(options: MemberFeedsOptions) {
    this.#options = options
    options.control.subscribe(this)
  }

  /** A connection became known as a user's. */
  attach({ userId }: Connection): void {
    if (userId !== null && isNamedUser(userId)) void this.#lookUps.request(userId)
  }

  async apply(entry: ControlEntry): Promise<void> {
    if (entry.type === 'member_removed') this.#endAtOnce(entry)
    if (entry.type === 'member_added' || entry.type === 'member_removed') await this.#lookUps.request(entry.user)
    if (entry.type === 'group_deleted') {
      const hearers = this.#usersHearing(groupChannel(entry.group))
      const users = new Set([...hearers, ...this.#lookUps.keys()])
      await Promise.all([...users].map((userId) => this.#lookUps.request(userId)))
    }
  }

  async lookUp(): Promise<void> {
    const users = new Set([...this.#options.pool.all()].flatMap(({ userId }) => userId ?? []))
    await Promise.all([...users].filter(isNamedUser).map((userId) => this.#lookUps.request(userId)))
  }

  /** Before the store is asked: nothing more is to be heard meanwhile. */
  #endAtOnce({ group, user, membership }: Extract<ControlEntry, { type: 'member_removed' }>): void {
    if (membership === undefined) return
    for (const connection of this.#options.pool.ofUser(user)) {
      for (const feed of this.#options.feeds.of(connection)) {
        if (feed.channel === groupChannel(group) && feed.id === membership) this.#end(connection, feed)
      }
    }
  }

  #end(connection: Connection, feed: Feed): void {
    this.#options.feeds.detach(connection, feed.channel)
    connection.outbox.pushPayload(encodeRemoved({ group: groupOf(feed.channel) ?? '' }, 'left_group'))
  }

  #usersHearing(channel: string): string[] {
    const connections = [...this.#options.pool.all()].filter((connection) =>
      this.#options.feeds.has(connection, channel)
    )
    return connections.flatMap(({ userId }) => userId ?? [])
  }

  /** What fails is tried again. */
  async #lookUpSafely(userId: string, isStale: () => boolean): Promise<void> {
    let first = true
    await this.#options.retries.run('look up', async () => {
      if (first) {
        first = false
        await this.#lookUpUser(userId, isStale)
      } else {
        void this.#lookUps.request(userId)
      }
    })
  }

  async #lookUpUser(userId: string, isStale: () => boolean): Promise<void> {
    const connections = [...this.#options.pool.ofUser(userId)]
    if (connections.length === 0) return
    const groups = await this.#options.groups.groupsOf(userId)
    if (isStale()) return
    const wanted = new Map(groups.map((group) => [groupChannel(group.group), group]))
    for (const connection of connections) this.#endUnwanted(connection, wanted)
    const attached = await Promise.all(
      connections.flatMap((connection) => groups.map((group) => this.#attachTo(connection, group, isStale)))
    )
    if (attached.includes(false)) throw storeUnavailable(new Error('a group could not be heard'))
  }

  #endUnwanted(connection: Connection, wanted: ReadonlyMap<string, UserGroup>): void {
    for (const feed of this.#options.feeds.of(connection)) {
      if (groupOf(feed.channel) !== undefined && wanted.get(feed.channel)?.id !== feed.id) this.#end(connection, feed)
    }
  }

  async #attachTo(connection: Connection, { group, id, start }: UserGroup, isStale: () => boolean): Promise<boolean> {
    const feed = { channel: groupChannel(group), tag: { group }, start, id }
    return await this.#options.feeds.tryAttach(connection, feed, () => !isStale())
  }
}
