import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function directMessage(
  { connection, inbox, users }: Context,
  { body, content }: Command<'direct_message'>
): Promise<Answer<'direct_message'>> {
  const from = users.require(connection)
  const { online, ...reply } = await inbox.sendDirect({ to: body.to, from, content, messageId: body.message_id })
  // Who may write to a user need not know whether it is there.
  const mayKnow = connection.grant?.allows('members', 'user', body.to)
  return { body: mayKnow === true ? { ...reply, online } : reply }
}
