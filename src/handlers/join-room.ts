import type { Deadline } from '../deadline.js'
import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function joinRoom(
  { connection, rooms, sessions, users }: Context,
  { body }: Command<'join_room'>,
  deadline: Deadline
): Promise<Answer<'join_room'>> {
  const userId = users.require(connection, body.user_id)
  await rooms.access.check(userId, 'join', body.room)
  if (body.since !== undefined || body.last !== undefined) await rooms.access.check(userId, 'history', body.room)
  const outcome = await rooms.join(connection, body, deadline)
  deadline.commit()
  await deadline.within(sessions.joined(connection, outcome))
  return { body: outcome.reply, begin: outcome.begin }
}
