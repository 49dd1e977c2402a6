import type { CommandType } from '../protocol/commands.js'
import { authenticate } from './authenticate.js'
import { chatMessage } from './chat-message.js'
import type { Handler } from './context.js'
import { directMessage } from './direct-message.js'
import { groupMessage } from './group-message.js'
import { heartbeat } from './heartbeat.js'
import { inboxAck } from './inbox-ack.js'
import { joinRoom } from './join-room.js'
import { leaveRoom } from './leave-room.js'
import { listMembers } from './list-members.js'
import { readHistory } from './read-history.js'
import { resume } from './resume.js'
import { signal } from './signal.js'

/** The protocol's table of contents: does not compile while a command has no handler. */
export const handlers: { readonly [T in CommandType]: Handler<T> } = {
  authenticate,
  resume,
  join_room: joinRoom,
  leave_room: leaveRoom,
  chat_message: chatMessage,
  signal,
  direct_message: directMessage,
  group_message: groupMessage,
  inbox_ack: inboxAck,
  read_history: readHistory,
  list_members: listMembers,
  heartbeat
}

/** Run alone until their answer is queued (protocol.md, section 2); reads, so that their answers cannot pile up. */
export const exclusiveCommands: ReadonlySet<CommandType> = new Set<CommandType>([
  'authenticate',
  'resume',
  'join_room',
  'leave_room',
  'read_history'
])
