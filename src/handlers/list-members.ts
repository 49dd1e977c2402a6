import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function listMembers(
  { rooms }: Context,
  { body }: Command<'list_members'>
): Promise<Answer<'list_members'>> {
  rooms.families.checkListing(body.room)
  return { body: await rooms.members(body.room, body) }
}
