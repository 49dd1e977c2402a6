import assert from 'node:assert'
import type { LiveClient, Message } from '../../support/live-client.js'
import { request } from '../../support/server.js'
import type { FaultProxy } from '../proxy/fault-proxy.js'
import type { FaultRow } from '../rig/row.js'
import { ANSWER_MS_MAX, talk } from '../rig/talk.js'

const LOST_PUBLISHES = 4
const RETRY_MS = 200

/** Carries out what the command asks of Redis, loses the reply, and has the client try again until it is answered. */
async function askTwice(client: LiveClient, proxy: FaultProxy, key: string, command: object): Promise<Message> {
  const lost = proxy.loseReplyTo((request) => request.includes(key))
  const first = await client.ask(command)
  await lost
  assert.equal(first.code, 'store_unavailable', `I10: answered ${JSON.stringify(first)}`)
  for (let tries = 0; tries < 50; tries++) {
    const answer = await client.ask(command)
    if (answer.type === 'ack') return answer
    assert.equal(answer.code, 'store_unavailable', `I10: answered ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
  throw new assert.AssertionError({ message: `I9: ${JSON.stringify(command)} is never taken` })
}

const row: FaultRow = {
  number: 'F9',
  fault: 'Redis carries out a command and its reply is lost: publish, join, inbox_ack',
  ci: true,
  async run(rig) {
    const { nodes, proxies, urls } = await rig.startCluster(2)
    const [proxy, other] = proxies as [FaultProxy, FaultProxy]
    const url = urls[0] as string
    const traffic = await rig.startTraffic(talk(urls))
    for (let n = 1; n <= LOST_PUBLISHES; n++) {
      // Half of them over WebSocket, half over REST; the two have different nodes.
      const id = `${rig.random.pick(['a', 'b'])}-publisher${n % 2}-`
      await (n % 2 === 0 ? proxy : other).loseReplyTo((asked) => asked.includes(id))
      await traffic.flow(20)
    }
    const client = await nodes[0]?.connect('/ws?user_id=u')
    assert.ok(client !== undefined)
    await askTwice(client, proxy, ':users:f9', { type: 'join_room', room: 'f9' })
    const online = async () => (await request(`${url}/rooms/f9/online`)).body
    assert.deepEqual(await online(), { room: 'f9', online_count: 1, connections: 1 })
    await request(`${url}/users/u/messages`, { method: 'POST', body: { content: 1 } })
    const acked = await askTwice(client, proxy, ':cursors:', { type: 'inbox_ack', offset: 1 })
    assert.equal(acked.offset, 1)
    assert.equal((await request(`${url}/users/u/inbox`)).body.cursor, 1)
    await client.ask({ type: 'leave_room', room: 'f9' })
    assert.deepEqual(await online(), { room: 'f9', online_count: 0, connections: 0 })
    await traffic.stop()
    await traffic.untilPresenceIsRight(10_000)
    const { unknown, acknowledged, slowestAnswerMs } = await traffic.check()
    assert.ok(unknown >= LOST_PUBLISHES, `${unknown} unknown outcomes`)
    assert.ok(slowestAnswerMs < ANSWER_MS_MAX, `I9: an answer took ${slowestAnswerMs} ms`)
    return {
      seen: `${unknown} publishes of unknown outcome, tried again: all ${acknowledged} are there once; join and inbox_ack as well, counts and cursor right`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I9', 'I10']
    }
  }
}

export default row
