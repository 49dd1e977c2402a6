import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export function chatMessage(
  { connection, rooms, users }: Context,
  { body, content, messageType }: Command<'chat_message'>
): Promise<Answer<'chat_message'>> {
  const userId = users.require(connection, body.user_id)
  const { room, message_id: messageId } = body
  const published = rooms.publish({ room, type: messageType, content, userId, messageId, connection })
  return published.then((body) => ({ body }))
}
