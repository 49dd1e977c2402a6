import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function signal(
  { connection, rooms, users }: Context,
  { body: { room }, content }: Command<'signal'>
): Promise<Answer<'signal'>> {
  await rooms.signal(connection, { room, content, userId: users.require(connection) })
  return { body: { room } }
}
