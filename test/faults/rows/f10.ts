import assert from 'node:assert'
import { bystander } from '../../store/redis-harness.js'
import type { LiveClient } from '../../support/live-client.js'
import { request } from '../../support/server.js'
import type { ServerProcess } from '../../support/server-process.js'
import { until } from '../../support/until.js'
import { assertCounted } from '../rig/metrics.js'
import type { FaultRow } from '../rig/row.js'
import { talk } from '../rig/talk.js'

const KILLS = 5
const REPAIRED_MS = 5000

/** One who is in everything that a node subscribes to: a room, a group, an inbox, and what the backend does to users. */
async function connectEverywhere({ connect, url }: ServerProcess): Promise<LiveClient> {
  const everywhere = await connect('/ws?user_id=u')
  await request(`${url}/groups/g/members/u`, { method: 'PUT' })
  await everywhere.ask({ type: 'join_room', room: 'left' })
  return everywhere
}

/** Resolves when the messages of a type are 1 to `KILLS`. */
async function heardAll(client: LiveClient, type: string): Promise<void> {
  const heard = () => client.messages.filter((message) => message.type === type).map(({ content }) => content)
  await until(heard, ({ length }) => length === KILLS, REPAIRED_MS)
  assert.deepEqual(
    heard(),
    Array.from({ length: KILLS }, (_, index) => index + 1),
    `I2: ${type}`
  )
}

const row: FaultRow = {
  number: 'F10',
  fault: 'Only the connections that subscribe are killed, again and again',
  ci: true,
  async run(rig) {
    const { redis, nodes, urls } = await rig.startCluster(2)
    const [here, there] = nodes as [ServerProcess, ServerProcess]
    const behind = await bystander(rig.scope, redis.url)
    const everywhere = await connectEverywhere(there)
    const traffic = await rig.startTraffic(talk(urls))
    const kill = () => behind.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    const post = (place: string, content: number) =>
      request(`${here.url}${place}/messages`, { method: 'POST', body: { content } })
    for (let n = 1; n <= KILLS; n++) {
      await traffic.flow(40)
      await kill()
      await Promise.all([post('/users/u', n), post('/groups/g', n)])
    }
    await kill()
    const killedAt = performance.now()
    await request(`${here.url}/rooms/left/members/u`, { method: 'DELETE' })
    // The last ones of all are published while nobody hears: nothing later could show that they are missing.
    await traffic.flow(2)
    await traffic.stop()
    const { acknowledged, heard, comebacks, gaps, resets, unknown, departures } = await traffic.check()
    await Promise.all([heardAll(everywhere, 'direct_message'), heardAll(everywhere, 'group_message')])
    await until(() => everywhere.messages.some(({ action }) => action === 'removed'), Boolean, REPAIRED_MS)
    const recoveryMs = performance.now() - killedAt
    assert.equal(heard, 4 * acknowledged, 'I1: everybody heard everything')
    assert.deepEqual(
      { comebacks, gaps, resets, unknown, departures },
      { comebacks: 0, gaps: 0, resets: 0, unknown: 0, departures: 0 }
    )
    assert.ok(recoveryMs < REPAIRED_MS, `I14: repaired after ${recoveryMs} ms`)
    await assertCounted(urls, 'roomcast_repairs_total')
    return {
      seen:
        `${KILLS + 1} kills: the nodes read what they missed; all members heard all ${acknowledged} in order, none had to ` +
        'come back, none was told of a loss; inbox, group and a kick as well',
      held: ['I1', 'I2', 'I3', 'I4', 'I9', 'I13', 'I14'],
      recoveryMs
    }
  }
}

export default row
