import t from 'tap'
import { request } from '../support/server.js'
import { startServerProcess, temporaryFolder } from '../support/server-process.js'

t.test('what was acknowledged is there after kill -9, and the next offset follows it', async (t) => {
  const DATA_DIR = await temporaryFolder(t)
  const before = await startServerProcess(t, { DATA_DIR })
  const client = await before.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'lobby' })
  const acks = []
  for (let n = 1; n <= 20; n++) acks.push(client.ask({ type: 'chat_message', room: 'lobby', content: n }))
  const last = (await Promise.all(acks)).at(-1)
  t.match(last, { offset: 20, durable: 'disk' })
  await before.end('SIGKILL')

  const after = await startServerProcess(t, { DATA_DIR })
  const { body: history } = await request(`${after.url}/rooms/lobby/history`)
  t.strictSame(
    history.messages.map((message: { offset: number; content: number }) => [message.offset, message.content]),
    Array.from({ length: 20 }, (_, index) => [index + 1, index + 1])
  )
  const { body: next } = await request(`${after.url}/rooms/lobby/messages`, {
    method: 'POST',
    body: { content: 'next' }
  })
  t.match(next, { offset: 21, epoch: last?.epoch })

  const again = { method: 'POST', body: { content: 'again', message_id: last?.message_id } }
  const retried = await request(`${after.url}/rooms/lobby/messages`, again)
  t.match(retried, { status: 200, body: { duplicate: true, offset: 20, timestamp: last?.timestamp } })
})

t.test(
  'rounds of publishing as fast as it is acknowledged and kill -9 lose nothing that was acknowledged',
  async (t) => {
    const DATA_DIR = await temporaryFolder(t)
    const acknowledged = new Map<string, number>()
    for (let round = 0; round < 5; round++) {
      const server = await startServerProcess(t, { DATA_DIR, RATE_LIMIT_PER_SECOND: '0', HISTORY_SIZE: '1000000' })
      const client = await server.connect(`/ws?user_id=u${round}`)
      const flood = setInterval(() => {
        if (client.socket.readyState !== client.socket.OPEN) return
        for (let n = 0; n < 20; n++) client.send({ type: 'chat_message', id: 'x', room: 'lobby', content: n })
      }, 1)
      // Somewhere in the middle of it, a little later each round.
      let acks = 0
      await client.next(({ type }) => type === 'ack' && ++acks > 200 + round * 100)
      await server.end('SIGKILL')
      clearInterval(flood)
      await client.closed()
      for (const { type, offset, message_id } of client.messages)
        if (type === 'ack') acknowledged.set(message_id, offset)
    }

    const server = await startServerProcess(t, { DATA_DIR })
    const stored: Array<{ offset: number; message_id: string }> = []
    for (let more = true; more; ) {
      const { body } = await request(`${server.url}/rooms/lobby/history?limit=1000&after=${stored.at(-1)?.offset ?? 0}`)
      stored.push(...body.messages)
      more = body.has_more
    }
    t.ok(acknowledged.size >= 2000, `${acknowledged.size} were acknowledged`)
    t.ok(
      stored.every(({ offset }, index) => offset === index + 1),
      'offsets are without a hole'
    )
    t.equal(new Set(stored.map(({ message_id }) => message_id)).size, stored.length, 'none is there twice')
    const lost = [...acknowledged].filter(([id, offset]) => stored[offset - 1]?.message_id !== id)
    t.strictSame(lost, [], 'every acknowledged one stands where the acknowledgement said')
  }
)
