import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function chatMessage(
  { connection, rooms, users }: Context,
  { body, content }: Command<'chat_message'>
): Promise<Answer<'chat_message'>> {
  const userId = users.require(connection, body.user_id)
  return { body: await rooms.publish({ room: body.room, content, userId, messageId: body.message_id }) }
}
