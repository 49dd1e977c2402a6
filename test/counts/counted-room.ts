import type { Socket } from 'node:net'
import type { LiveClient, LiveClientOptions, Message } from '../support/live-client.js'
import type { TestServer } from '../support/server.js'
import { type SocketWrite, watchWrites } from '../support/socket-writes.js'

export interface CountedClient {
  readonly client: LiveClient
  /** What the server has written to it since `countFromNow`. */
  readonly writes: SocketWrite[]
}

/** A client, and the server's end of its connection. The clock of the server should stand still, or it pings. */
export async function countedClient(server: TestServer, options: LiveClientOptions = {}): Promise<CountedClient> {
  const client = await server.connect('/ws', options)
  const accepted = [...server.app.websocketServer.clients].at(-1)
  return { client, writes: watchWrites(socketOf(accepted as unknown as LiveClient['socket'])) }
}

/** The same as a member of room r. */
export async function countedMember(server: TestServer, options: LiveClientOptions = {}): Promise<CountedClient> {
  const member = await countedClient(server, options)
  await member.client.ask({ type: 'join_room', room: 'r' })
  return member
}

/**
 * Forgets what was written before: all of it has been heard when this resolves. `endDelay` sends what waits for others
 * (`BATCH_DELAY_MS`) on its way.
 */
export async function countFromNow(
  publisher: CountedClient,
  members: readonly CountedClient[],
  endDelay = () => {}
): Promise<void> {
  await publisher.client.ask(chat('the counting begins'))
  endDelay()
  await heardByAll(members, 'the counting begins')
  for (const { writes } of [publisher, ...members]) writes.length = 0
}

export function chat(content: unknown, room = 'r'): Message {
  return { type: 'chat_message', room, content }
}

/** Sends messages in one write, which the server reads at once, and waits for their answers. */
export async function askTogether({ client }: CountedClient, messages: readonly Message[]): Promise<void> {
  const socket = socketOf(client.socket)
  socket.cork()
  const answers = messages.map((message) => client.ask(message))
  socket.uncork()
  await Promise.all(answers)
}

/** Waits until each has heard the content, and all that was sent before. */
export async function heardByAll(members: readonly CountedClient[], content: unknown): Promise<void> {
  await Promise.all(members.map(({ client }) => client.next((message) => message.content === content)))
}

/** ws does not tell of it in its types. */
function socketOf(webSocket: LiveClient['socket']): Socket {
  return (webSocket as unknown as { readonly _socket: Socket })._socket
}
