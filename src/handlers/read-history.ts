import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function readHistory(
  { rooms }: Context,
  { body }: Command<'read_history'>
): Promise<Answer<'read_history'>> {
  return { body: await rooms.history(body.room, body) }
}
