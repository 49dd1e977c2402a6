import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function leaveRoom(
  { connection, rooms, sessions }: Context,
  { body: { room } }: Command<'leave_room'>
): Promise<Answer<'leave_room'>> {
  await rooms.leave(connection, room)
  await sessions.left(connection, room)
  return { body: { room } }
}
