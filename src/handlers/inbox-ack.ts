import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function inboxAck(
  { connection, inbox, users }: Context,
  { body }: Command<'inbox_ack'>
): Promise<Answer<'inbox_ack'>> {
  users.require(connection)
  return { body: await inbox.acknowledge(connection, body) }
}
