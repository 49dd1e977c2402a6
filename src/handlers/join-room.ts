import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function joinRoom(
  { connection, rooms, users }: Context,
  { body }: Command<'join_room'>
): Promise<Answer<'join_room'>> {
  users.require(connection, body.user_id)
  const { reply, begin } = await rooms.join(connection, body)
  return { body: reply, begin }
}
