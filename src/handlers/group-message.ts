import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function groupMessage(
  { connection, groups, users }: Context,
  { body, content }: Command<'group_message'>
): Promise<Answer<'group_message'>> {
  const from = users.require(connection)
  return {
    body: await groups.publishAs(connection, { group: body.group, from, content, messageId: body.message_id })
  }
}
