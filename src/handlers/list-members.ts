import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function listMembers(
  { connection, rooms }: Context,
  { body }: Command<'list_members'>
): Promise<Answer<'list_members'>> {
  rooms.families.checkListing(body.room)
  await rooms.access.check(connection.userId, 'members', body.room)
  return { body: await rooms.members(body.room, body) }
}
