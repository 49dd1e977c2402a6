import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function leaveRoom(
  { connection, rooms }: Context,
  { body: { room } }: Command<'leave_room'>
): Promise<Answer<'leave_room'>> {
  await rooms.leave(connection, room)
  return { body: { room } }
}
