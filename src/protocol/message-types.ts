import { type CommandType, commandSchemas } from './commands.js'

/** The type of a room's message where nothing else is said. */
export const CHAT_MESSAGE = 'chat_message' satisfies CommandType

/** Types that the protocol gives a meaning of its own (protocol.md 2.1 and 2.2), in either direction. */
const protocolTypes: ReadonlySet<string> = new Set([
  ...Object.keys(commandSchemas),
  'group_message',
  'system',
  'broadcast',
  'ack',
  'error',
  'heartbeat_ack'
])

/** Whether a family of rooms may not use the type for messages of its own. */
export function isReservedType(type: string): boolean {
  return type !== CHAT_MESSAGE && protocolTypes.has(type)
}
