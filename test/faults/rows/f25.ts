import assert from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { movesHeardBy, seat, takeOver } from '../rig/people.js'
import { untilPresent } from '../rig/presence.js'
import type { FaultRow } from '../rig/row.js'
import { startServedNode } from '../rig/served-node.js'

const HOUR_MS = 3_600_000
const LEASE_MS = 8000
const names = (prefix: string) => Array.from({ length: 10 }, (_, index) => `${prefix}-${index}`)

const row: FaultRow = {
  number: 'F25',
  fault: 'the wall clock of a node is set forward and back by an hour',
  ci: false,
  async run(rig) {
    const { redis, urls, nodes } = await rig.startCluster(2)
    const [url = '', doomed = ''] = urls
    const { scope } = rig
    const clock = { aheadMs: 0 }
    const jumping = await startServedNode(
      scope,
      { REDIS_URL: `redis://127.0.0.1:${redis.port}`, REDIS_PREFIX: 'faults' },
      clock
    )
    const watcher = await seat({ scope, url, userId: 'watcher' }, 'r')
    const enter = (place: string) => (userId: string) => seat({ scope, url: place, userId }, 'r')
    const [own, others] = [names('own'), names('other')]
    const away = await Promise.all(names('dropped').map(enter(jumping)))
    const orphans = await Promise.all(names('orphan').map(enter(doomed)))
    await Promise.all([...own.map(enter(jumping)), ...others.map(enter(url))])

    clock.aheadMs = HOUR_MS
    // Sessions that the node of the wrong clock gives up and takes over, and those of a node that dies meanwhile.
    for (const { client } of away) client.terminate()
    await nodes[1]?.end('SIGKILL')
    await sleep(LEASE_MS + 4000)
    const moves = movesHeardBy(watcher, (userId) => own.includes(userId) || others.includes(userId))
    assert.deepEqual(
      moves.filter((move) => move.startsWith('-')),
      [],
      'I6: who is there has left'
    )
    const back = await Promise.all([
      ...away.slice(0, 5).map((former) => takeOver({ scope, url, userId: former.userId }, former)),
      ...orphans.slice(0, 5).map((former) => takeOver({ scope, url: jumping, userId: former.userId }, former))
    ])
    clock.aheadMs = -HOUR_MS
    const later = await Promise.all([
      ...away.slice(5).map((former) => takeOver({ scope, url, userId: former.userId }, former)),
      ...orphans.slice(5).map((former) => takeOver({ scope, url: jumping, userId: former.userId }, former))
    ])
    for (const { person, answer } of [...back, ...later]) {
      assert.equal(answer?.type, 'ack', `I1: the session of ${person.userId}: ${JSON.stringify(answer)}`)
    }
    await sleep(LEASE_MS + 4000)
    const users = ['watcher', ...own, ...others, ...names('dropped'), ...names('orphan')]
    for (const node of [url, jumping]) await untilPresent({ url: node, room: 'r', users }, 5000)
    const left = movesHeardBy(watcher, (userId) => own.includes(userId) || others.includes(userId))
    assert.deepEqual(
      left.filter((move) => move.startsWith('-')),
      [],
      'I6'
    )
    return {
      seen: `${back.length + later.length} sessions taken over across the clocks, nobody left who was there`,
      held: ['I1', 'I4', 'I6', 'I9']
    }
  }
}

export default row
