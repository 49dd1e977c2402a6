import type { FanOutBudget } from '../channels/fan-out-budget.js'
import { type HistoryRequest, readHistory } from '../channels/history.js'
import { PublishOrder } from '../channels/publish-order.js'
import type { Publisher, Stamp } from '../channels/publisher.js'
import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import type { ControlChannel } from '../control/control-channel.js'
import { RoomcastError } from '../errors.js'
import { cursorKeyOf, type DeviceFeeds } from '../inbox/device-feeds.js'
import { isNamedUser } from '../protocol/ids.js'
import { encodeGroupMessage, formatTime } from '../protocol/pushes.js'
import type { CursorReply, GroupPublishReply, HistoryPage } from '../protocol/replies.js'
import type { Random } from '../random.js'
import type { Cursors } from '../store/cursors.js'
import type { GroupMembership, Groups } from '../store/groups.js'
import type { PageQuery } from '../store/presence.js'
import type { Retention, Streams } from '../store/streams.js'
import { groupChannel } from './group-channel.js'

export interface GroupRegistryOptions {
  readonly groups: Groups
  readonly cursors: Cursors
  readonly streams: Streams
  readonly publisher: Publisher
  readonly fanOuts: FanOutBudget
  readonly feeds: DeviceFeeds
  readonly control: ControlChannel
  readonly clock: Clock
  readonly random: Random
  readonly retention: Retention
  /** Groups that one user may be in. */
  readonly groupsMax: number
}

export interface GroupPublishRequest {
  readonly group: string
  readonly from: string | null
  /** JSON text. */
  readonly content: string
  readonly messageId?: string | undefined
}

export interface GroupMemberReply {
  readonly user_id: string
  readonly added_at: string
}

export interface UserGroupReply {
  readonly group: string
  readonly added_at: string
}

/** Members of a group that are removed side by side when it ends. */
const DELETE_PAGE = 100

/** Groups of users as the backend keeps them, and what their members may do. */
export class GroupRegistry {
  readonly #options: GroupRegistryOptions
  readonly #order = new PublishOrder()

  constructor(options: GroupRegistryOptions) {
    this.#options = options
  }

  /**
   * Makes a user a member, from where the group stands now; one who is in stays as it is. Throws `forbidden` where the
   * user is in too many groups, and `store_unavailable`; doing it again is safe.
   */
  async add(group: string, userId: string): Promise<void> {
    const { groups, streams, control, clock, random, groupsMax } = this.#options
    const [start] = await streams.tops([groupChannel(group)])
    const { epoch = '', offset = 0 } = start ?? {}
    const addedAt = clock.now()
    const fresh = { id: random.timeUuid(addedAt), start: { epoch, offset }, addedAt }
    const membership = await groups.add(group, userId, fresh, groupsMax)
    if (membership === undefined) {
      throw new RoomcastError('forbidden', { message: `This user is in ${groupsMax} groups, as many as it may be` })
    }
    await control.announce({ type: 'member_added', group, user: userId })
  }

  /** Ends a membership; nothing for one who is not in. Throws `store_unavailable`; doing it again is safe. */
  async remove(group: string, userId: string): Promise<void> {
    const { control } = this.#options
    const ended = await this.#end(group, userId)
    await control.announce({ type: 'member_removed', group, user: userId, ...(ended && { membership: ended.id }) })
  }

  /** Ends all memberships and drops the messages. Throws `store_unavailable`; doing it again is safe. */
  async delete(group: string): Promise<void> {
    const { groups, streams, control } = this.#options
    const channel = groupChannel(group)
    for (;;) {
      const { members } = await groups.members(group, { limit: DELETE_PAGE })
      if (members.length === 0) break
      await Promise.all(members.map(({ userId }) => this.#end(group, userId)))
    }
    await streams.purge(channel)
    await control.announce({ type: 'group_deleted', group })
    await control.announce({ type: 'purge', channel })
  }

  /** As a backend. Throws `store_unavailable` with the message's id. */
  async publish({ group, from, content, messageId }: GroupPublishRequest): Promise<GroupPublishReply> {
    const { publisher, retention } = this.#options
    const encode = (stamp: Stamp) => encodeGroupMessage({ group, from, content, ...stamp })
    return { group, ...(await publisher.publish(groupChannel(group), { messageId, retention, encode })) }
  }

  /** As a member. Throws `forbidden` for one who is none, `rate_limited`, and as `publish`. */
  async publishAs(connection: Connection, request: GroupPublishRequest): Promise<GroupPublishReply> {
    const { group } = request
    // Who hears the group is in it: the store need not be asked.
    const isHearing = this.#options.feeds.has(connection, groupChannel(group))
    const check = isHearing ? undefined : () => this.#requireMember(connection, group)
    try {
      this.#options.fanOuts.take(connection, groupChannel(group))
      return await this.#order.run(connection, group, { check, store: () => this.publish(request) })
    } catch (error) {
      // Whatever it failed at, it can be tried again under its id.
      if (error instanceof RoomcastError) error.messageId ??= request.messageId
      throw error
    }
  }

  /** Moves the cursor of a member's device. Throws `forbidden` for one who is none. */
  async acknowledge(
    connection: Connection,
    group: string,
    position: { offset: number; epoch?: string | undefined }
  ): Promise<CursorReply> {
    const { start } = await this.#requireMember(connection, group)
    const key = cursorKeyOf(connection, groupChannel(group))
    return await this.#options.feeds.acknowledge(key, position, start)
  }

  async history(group: string, request: HistoryRequest): Promise<HistoryPage & { readonly group: string }> {
    return { group, ...(await readHistory(this.#options.streams, groupChannel(group), request)) }
  }

  /** What a member has been in for. Throws `forbidden` for one who is none. */
  async historyOf(
    connection: Connection,
    group: string,
    request: HistoryRequest
  ): Promise<HistoryPage & { readonly group: string }> {
    const { streams } = this.#options
    const { start } = await this.#requireMember(connection, group)
    const { continuity, holds = 0 } = await streams.read(groupChannel(group), { after: start, limit: 0 })
    const floor = continuity === 'reset' ? holds : start.offset
    return { group, ...(await readHistory(streams, groupChannel(group), request, floor)) }
  }

  async members(
    group: string,
    query: PageQuery
  ): Promise<{ group: string; members: GroupMemberReply[]; next_cursor: string | null }> {
    const { members, nextCursor } = await this.#options.groups.members(group, query)
    const listed = members.map(({ userId, addedAt }) => ({ user_id: userId, added_at: formatTime(addedAt) }))
    return { group, members: listed, next_cursor: nextCursor ?? null }
  }

  /** The cursor is the last name of the page before. */
  async groupsOf(
    userId: string,
    { limit, cursor }: PageQuery
  ): Promise<{ user_id: string; groups: UserGroupReply[]; next_cursor: string | null }> {
    const all = await this.#options.groups.groupsOf(userId)
    const rest = cursor === undefined ? all : all.filter(({ group }) => group > cursor)
    const page = rest.slice(0, limit)
    const groups = page.map(({ group, addedAt }) => ({ group, added_at: formatTime(addedAt) }))
    return { user_id: userId, groups, next_cursor: rest.length > limit ? (page.at(-1)?.group ?? null) : null }
  }

  async #end(group: string, userId: string): Promise<GroupMembership | undefined> {
    const ended = await this.#options.groups.remove(group, userId)
    await this.#options.cursors.drop(userId, groupChannel(group))
    return ended
  }

  async #requireMember({ userId }: Connection, group: string): Promise<GroupMembership> {
    const isNamed = userId !== null && isNamedUser(userId)
    const membership = isNamed ? await this.#options.groups.membership(group, userId) : undefined
    if (membership === undefined) throw new RoomcastError('forbidden', { message: 'Only members of the group may' })
    return membership
  }
}
