import t from 'tap'
import { isCollected } from '../support/forced-gc.js'
import { startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

/** A connection that has used what there is; nothing but what the server keeps refers to it. */
async function comeAndTalk(server: TestServer, userId: string) {
  const client = await server.connect(`/ws?user_id=${userId}`)
  for (const room of ['a', 'b']) await client.ask({ type: 'join_room', room, last: 10 })
  await client.ask({ type: 'chat_message', room: 'a', content: 'hello' })
  await client.ask({ type: 'direct_message', to: userId, content: 'to myself' })
  await client.ask({ type: 'list_members', room: 'a' })
  await client.ask({ type: 'leave_room', room: 'b' })
  return client
}

function connectionsOf({ app }: TestServer): WeakRef<object>[] {
  return [...app.pool.all()].map((connection) => new WeakRef(connection))
}

for (const [manner, leave] of [
  ['says goodbye', (client: Awaited<ReturnType<typeof comeAndTalk>>) => client.socket.close(1000)],
  ['drops', (client: Awaited<ReturnType<typeof comeAndTalk>>) => client.terminate()]
] as const) {
  t.test(
    `of a connection that ${manner} nothing is left: not in a room, a channel, a session or a timer`,
    async (t) => {
      const server = await startServer(t)
      const { app } = server
      const channels = app.messageBus.size
      const clients = [await comeAndTalk(server, 'alice'), await comeAndTalk(server, 'bob')]
      const remains = connectionsOf(server)
      t.equal(remains.length, 2)
      for (const client of clients) leave(client)
      await until(() => app.messageBus.size === channels)
      t.equal(app.pool.size, 0)
      t.equal(app.pool.userCount, 0)
      t.equal(app.rooms.localSize, 0)
      for (const remain of remains) t.ok(await isCollected(remain))
    }
  )
}
