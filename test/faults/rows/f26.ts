import assert from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from '../../support/server.js'
import { until } from '../../support/until.js'
import { type Person, seat } from '../rig/people.js'
import type { FaultRow } from '../rig/row.js'

const COUNT = 100
const BLOCKED_MS = 5000

const row: FaultRow = {
  number: 'F26',
  fault: 'a node stands still for 5 s, longer than a client may be silent',
  ci: false,
  async run(rig) {
    const env = { HEARTBEAT_INTERVAL: '1', HEARTBEAT_TIMEOUT: '3' }
    const { nodes, urls } = await rig.startCluster(2, env)
    const [blocked = '', other = ''] = urls
    const people = (url: string, prefix: string) =>
      Promise.all(
        Array.from({ length: COUNT }, (_, index) => seat({ scope: rig.scope, url, userId: `${prefix}-${index}` }, 'r'))
      )
    const [own, others] = [await people(blocked, 'own'), await people(other, 'other')]
    nodes[0]?.process.kill('SIGSTOP')
    const waits: number[] = []
    const end = performance.now() + BLOCKED_MS
    for (let content = 0; performance.now() < end; content++) {
      const begun = performance.now()
      await post(other, content)
      await until(() => others.every((person) => heard(person) > content), undefined, 2000)
      waits.push(performance.now() - begun)
      await sleep(100)
    }
    nodes[0]?.process.kill('SIGCONT')
    const continuedAt = performance.now()
    await until(() => own.every((person) => heard(person) === waits.length))
    const recoveryMs = performance.now() - continuedAt
    // Twice as long as a client may be silent.
    await sleep(6000)
    const closed = [...own, ...others].filter(({ client }) => client.socket.readyState !== client.socket.OPEN)
    assert.deepEqual(
      closed.map(({ userId }) => userId),
      [],
      'I8: nobody was taken for dead'
    )
    assert.equal((await request(`${other}/rooms/r/online`)).body.online_count, 2 * COUNT, 'I6')
    const slowest = Math.round(Math.max(...waits))
    return {
      seen: `${COUNT} clients of it kept, ${waits.length} messages to ${COUNT} on the other node in ${slowest} ms at most`,
      held: ['I1', 'I2', 'I6', 'I8', 'I9', 'I14'],
      recoveryMs
    }
  }
}

async function post(url: string, content: number): Promise<void> {
  const { status } = await request(`${url}/rooms/r/messages`, { method: 'POST', body: { content } })
  assert.equal(status, 201)
}

function heard({ pushes }: Person): number {
  return pushes.filter(({ type }) => type === 'chat_message').length
}

export default row
