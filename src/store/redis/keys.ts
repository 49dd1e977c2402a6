import type { ChannelId } from '../streams.js'

/** Fixed for ever: keys would move otherwise. */
export const PARTITIONS = 256

/**
 * Every key and topic of the server. What belongs to one channel or room stands in one partition, whose number in
 * braces is the hash tag: a script may touch it together, and Redis Cluster could hold partitions on different
 * servers. Ids stand at the end, outside the braces, so that no id can name another's key.
 */
export class Keys {
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** Hash: epoch, offset, run, forks, size, ttl of a channel. */
  meta(channel: ChannelId): string {
    return `${this.#at(channel)}:meta:${channel}`
  }

  /** Stream: the messages of a channel, `OFFSET-MS`. */
  log(channel: ChannelId): string {
    return `${this.#at(channel)}:log:${channel}`
  }

  /** String: where the publish with this message id went. */
  receipt(channel: ChannelId, messageId: string): string {
    // The length keeps apart `a:b` + `c` and `a` + `b:c`.
    return `${this.#at(channel)}:receipt:${channel.length}:${channel}:${messageId}`
  }

  /** Pub/sub channel on which the nodes hear a channel. */
  topic(channel: ChannelId): string {
    return `${this.#at(channel)}:topic:${channel}`
  }

  /** Hash: user → `CONNECTIONS:JOINED_AT_MS` of a room. */
  users(room: string): string {
    return `${this.#at(room)}:users:${room}`
  }

  /** Sorted set by name: users of a room. */
  userNames(room: string): string {
    return `${this.#at(room)}:user-names:${room}`
  }

  /** Hash: connection → user of one node in a room. */
  nodeMembers(room: string, node: string): string {
    return `${this.#at(room)}:members:${node}:${room}`
  }

  /** Sorted set by name: rooms of a partition that have members. */
  rooms(partition: number): string {
    return `${this.#prefix}:{${partition}}:rooms`
  }

  /** Hash: room → connections, of a partition. */
  roomConnections(partition: number): string {
    return `${this.#prefix}:{${partition}}:room-connections`
  }

  /** Set: rooms of a partition in which a node has members. */
  nodeRooms(partition: number, node: string): string {
    return `${this.#prefix}:{${partition}}:node-rooms:${node}`
  }

  /** String: a node's name under which nothing may be written any more, in one partition. */
  fence(partition: number, node: string): string {
    return `${this.#prefix}:{${partition}}:buried:${node}`
  }

  /** Set: names of nodes under which something stands, or stood, in the presence of a partition. */
  holders(partition: number): string {
    return `${this.#prefix}:{${partition}}:holders`
  }

  /** Hash: user → connections, of the users of a partition. */
  online(partition: number): string {
    return `${this.#prefix}:{${partition}}:online`
  }

  /** Hash: connection → user of one node, of the users of a partition. */
  nodeOnline(partition: number, node: string): string {
    return `${this.#prefix}:{${partition}}:node-online:${node}`
  }

  /** String: when a user's last connection went. `user` may be empty: the beginning of all such keys. */
  seen(partition: number, userId: string): string {
    return `${this.#prefix}:{${partition}}:seen:${userId}`
  }

  /** Sorted set: device → when it was last used, of a user. */
  devices(userId: string): string {
    return `${this.#at(userId)}:devices:${userId}`
  }

  /** Hash: channel → `EPOCH:OFFSET`, of one device of a user. */
  deviceCursors(userId: string, deviceId: string): string {
    // The length keeps apart `a:b` + `c` and `a` + `b:c`.
    return `${this.#at(userId)}:cursors:${userId.length}:${userId}:${deviceId}`
  }

  /** Hash: user → membership (JSON), of a group. */
  members(group: string): string {
    return `${this.#at(group)}:group:${group}`
  }

  /** Sorted set by name: members of a group. */
  memberNames(group: string): string {
    return `${this.#at(group)}:group-names:${group}`
  }

  /** Hash: group, line feed, id of a membership → `ADDED_AT_MS`, of a user; may hold some that are not, or no more. */
  groupsOf(userId: string): string {
    return `${this.#at(userId)}:groups-of:${userId}`
  }

  /** Hash: room → newest removal of a user from it; the empty name is for the user as a whole. */
  removals(userId: string): string {
    return `${this.#at(userId)}:removals:${userId}`
  }

  /** Hash: revocation → when it is forgotten. */
  get revocations(): string {
    return `${this.#prefix}:{revocations}:kept`
  }

  /** Sorted set by name: revocations behind the moments at which they are forgotten. */
  get revocationOrder(): string {
    return `${this.#prefix}:{revocations}:order`
  }

  /** Hash: a session. */
  session(sessionId: string): string {
    return `${this.#at(sessionId)}:session:${sessionId}`
  }

  /** Sorted set: node that is dead → when its lease ended; for as long as that may matter to a session. */
  get ended(): string {
    return `${this.#prefix}:{nodes}:ended`
  }

  /** Sorted set: node → end of its lease. */
  get leases(): string {
    return `${this.#prefix}:{nodes}:leases`
  }

  /** Sorted set: dead node → when another may take over its burial. */
  get dead(): string {
    return `${this.#prefix}:{nodes}:dead`
  }

  /** Hash: node → number of its connections. */
  get nodeConnections(): string {
    return `${this.#prefix}:{nodes}:connections`
  }

  /** String: a node was able to write lately. */
  pulse(nodeId: string): string {
    return `${this.#prefix}:{nodes}:pulse:${nodeId}`
  }

  /** Pub/sub channel on which a node hears itself. */
  probe(nodeId: string): string {
    return `${this.#prefix}:{nodes}:probe:${nodeId}`
  }

  /** Stream: what backends write. Its name is theirs to know (protocol.md, section 4). */
  get ingest(): string {
    return `${this.#prefix}:ingest`
  }

  /** Stream: what could not be handled of it. */
  get ingestDead(): string {
    return `${this.#prefix}:ingest:dead`
  }

  /** String: token of the node that reads the ingest stream. The hash tag is the whole name of the stream. */
  get ingestLease(): string {
    return `${this.#prefix}:{${this.ingest}}:lease`
  }

  #at(id: string): string {
    return `${this.#prefix}:{${partitionOf(id)}}`
  }
}

/** FNV-1a over the UTF-8 bytes, folded to a byte (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function partitionOf(id: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(id)) hash = Math.imul(hash ^ byte, 0x01000193)
  return ((hash >>> 24) ^ (hash >>> 16) ^ (hash >>> 8) ^ hash) & (PARTITIONS - 1)
}
