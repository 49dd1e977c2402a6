import type { Deadline } from '../deadline.js'
import { RoomcastError } from '../errors.js'
import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function resume(
  { connection, sessions }: Context,
  { body }: Command<'resume'>,
  deadline: Deadline
): Promise<Answer<'resume'>> {
  if (connection.begun) throw new RoomcastError('invalid_message', { message: 'resume: comes before anything else' })
  const { session_id: sessionId, resume_token: resumeToken, positions } = body
  const { reply, begin } = await sessions.resume(connection, { sessionId, resumeToken, positions }, deadline)
  connection.begun = true
  return { body: reply, begin }
}
