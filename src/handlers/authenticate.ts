import type { Deadline } from '../deadline.js'
import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function authenticate(
  { authenticator, connection }: Context,
  { body: { token } }: Command<'authenticate'>,
  deadline: Deadline
): Promise<Answer<'authenticate'>> {
  return { body: await authenticator.authenticate(connection, token, deadline) }
}
