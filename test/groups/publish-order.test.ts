import { setImmediate as nextTurn } from 'node:timers/promises'
import { storeUnavailable } from '../../src/errors.js'
import { onEachStore, range } from '../live/each-store.js'
import { request } from '../support/server.js'

onEachStore('what a member sends right after it connected is stored in the order it was sent', async (t, start) => {
  const server = await start({ RATE_LIMIT_PER_SECOND: 0, INBOX_SIZE: 1000 })
  for (let round = 0; round < 8; round++) {
    const group = `g${round}`
    await request(`${server.url}/groups/${group}/members/alice`, { method: 'PUT' })
    const alice = await server.connect('/ws?user_id=alice')
    const acks: Array<Promise<unknown>> = []
    // Some are sent before it hears the group, some after.
    for (let n = 1; n <= 40; n++) {
      acks.push(alice.ask({ type: 'group_message', group, content: n }))
      if (n % 2 === 0) await nextTurn()
    }
    await Promise.all(acks)
    const { body } = await request(`${server.url}/groups/${group}/history?limit=1000`)
    const stored = body.messages.map(({ content }: { content: number }) => content)
    t.strictSame(stored, range(1, 40), `round ${round}`)
    alice.terminate()
  }
})

onEachStore('a publish whose membership cannot be looked up is answered with its id', async (t, start) => {
  const server = await start()
  const bob = await server.connect('/ws?user_id=bob')
  server.app.store.groups.membership = async () => {
    throw storeUnavailable(new Error('away'))
  }
  const answer = await bob.ask({ type: 'group_message', group: 'g', content: 1, message_id: 'mine' })
  t.match(answer, { type: 'error', code: 'store_unavailable', message_id: 'mine', retry_after_ms: 1000 })
})
