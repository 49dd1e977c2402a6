import type { Command } from '../protocol/commands.js'
import type { Answer, Context } from './context.js'

export async function inboxAck(
  { connection, groups, inbox, users }: Context,
  { body }: Command<'inbox_ack'>
): Promise<Answer<'inbox_ack'>> {
  users.require(connection)
  const { group, ...position } = body
  const acknowledged =
    group === undefined ? inbox.acknowledge(connection, position) : groups.acknowledge(connection, group, position)
  return { body: await acknowledged }
}
