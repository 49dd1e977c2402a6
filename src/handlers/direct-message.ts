import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function directMessage(
  { connection, inbox, users }: Context,
  { body, content }: Command<'direct_message'>
): Promise<Answer<'direct_message'>> {
  const from = users.require(connection)
  return { body: await inbox.sendDirect({ to: body.to, from, content, messageId: body.message_id }) }
}
