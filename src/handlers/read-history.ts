import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function readHistory(
  { connection, rooms }: Context,
  { body }: Command<'read_history'>
): Promise<Answer<'read_history'>> {
  // A client that does not take its answers gets no more of them.
  await connection.outbox.ready()
  return { body: await rooms.history(body.room, body) }
}
