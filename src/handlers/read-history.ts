import { RoomcastError } from '../errors.js'
import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function readHistory(
  { connection, groups, rooms }: Context,
  { body }: Command<'read_history'>
): Promise<Answer<'read_history'>> {
  // A client that does not take its answers gets no more of them.
  await connection.outbox.ready()
  if (body.group !== undefined) return { body: await groups.historyOf(connection, body.group, body) }
  if (body.room === undefined) throw new RoomcastError('invalid_message', { message: 'room: expected it, or group' })
  await rooms.access.check(connection.userId, 'history', body.room)
  return { body: await rooms.history(body.room, body) }
}
