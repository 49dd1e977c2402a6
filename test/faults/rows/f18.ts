import assert from 'node:assert'
import { request } from '../../support/server.js'
import { until } from '../../support/until.js'
import { movesHeardBy, seat } from '../rig/people.js'
import type { FaultRow } from '../rig/row.js'

const LEASE_MS = 8000
const rooms = Array.from({ length: 10 }, (_, index) => `room-${index}`)
const isGhost = (userId: string) => userId.startsWith('ghost')

const row: FaultRow = {
  number: 'F18',
  fault: 'a node with a thousand clients is killed',
  ci: false,
  async run(rig) {
    const { nodes, urls } = await rig.startCluster(2, { PRESENCE_EVENTS_MAX: '2000' })
    const [doomed = '', living = ''] = urls
    const watcher = await seat({ scope: rig.scope, url: living, userId: 'watcher' }, 'ghosts')
    for (let number = 0; number < 20; number++) {
      await seat({ scope: rig.scope, url: doomed, userId: `ghost-${number}` }, 'ghosts')
    }
    // Three of four are on the one that will die.
    const traffic = await rig.startTraffic({
      ...{ urls: [doomed, doomed, doomed, living], rooms },
      ...{ subscribersPerRoom: 180, publishersPerRoom: 2, perSecond: 2 }
    })
    const witness = await seat({ scope: rig.scope, url: living, userId: 'witness' }, rooms[0] ?? '')
    // Before one full lease after its own start a node judges nobody.
    await until(async () => (await request(`${living}/stats`)).body.uptime_seconds > LEASE_MS / 1000)
    await traffic.flow(100)
    const { connection_count: held } = (await request(`${doomed}/stats`)).body
    await nodes[0]?.end('SIGKILL')
    const killedAt = performance.now()
    await until(async () => (await request(`${living}/rooms/ghosts/online`)).body.online_count === 1)
    const ghostsMs = performance.now() - killedAt
    assert.ok(ghostsMs < 10_500, `I6: ghosts are there for ${Math.round(ghostsMs)} ms`)
    await until(() => movesHeardBy(watcher, isGhost).filter((move) => move.startsWith('-')).length >= 20)
    await traffic.flow(100)
    await traffic.stop()
    witness.client.terminate()
    await until(async () => (await request(`${living}/users/witness`)).body.online === false)
    await new Promise((resolve) => setTimeout(resolve, 11_000))
    await traffic.untilPresenceIsRight(2000, [living])
    const { lost, comebacks } = await traffic.check()
    const left = movesHeardBy(watcher, isGhost).filter((move) => move.startsWith('-'))
    assert.equal(left.length, new Set(left).size, 'I6: a ghost left twice')
    const moves = movesHeardBy(witness, (userId) => userId !== 'witness')
    assert.deepEqual(moves, [], 'I6: who came back in time never left')
    return {
      seen: `${held} connections died; ${comebacks} comebacks, ${lost} messages lost; 20 ghosts gone after ${Math.round(ghostsMs)} ms, each once`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I9', 'I14'],
      recoveryMs: ghostsMs
    }
  }
}

export default row
