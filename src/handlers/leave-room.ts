import type { Deadline } from '../deadline.js'
import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function leaveRoom(
  { connection, rooms, sessions }: Context,
  { body: { room } }: Command<'leave_room'>,
  deadline: Deadline
): Promise<Answer<'leave_room'>> {
  deadline.commit()
  await deadline.within(rooms.leave(connection, room).then(() => sessions.left(connection, room)))
  return { body: { room } }
}
