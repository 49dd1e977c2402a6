import assert from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from '../../support/server.js'
import { until } from '../../support/until.js'
import { blackHole } from '../proxy/manner.js'
import { movesHeardBy, seat } from '../rig/people.js'
import type { FaultRow } from '../rig/row.js'

const TIMEOUT_MS = 6000
const LOOK_MS = 500
const GRACE_MS = 2000
/** For what comes late on a machine that is busy. */
const SLACK_MS = 1000

const row: FaultRow = {
  number: 'F31',
  fault: 'clients disappear without a word',
  ci: false,
  async run(rig) {
    const env = { HEARTBEAT_INTERVAL: '2', HEARTBEAT_TIMEOUT: '6', PRESENCE_GRACE: '2' }
    const { urls } = await rig.startCluster(1, env)
    const [url = ''] = urls
    const proxy = await rig.startProxy(Number(new URL(url).port))
    const watcher = await seat({ scope: rig.scope, url, userId: 'watcher' }, 'r')
    const before = (await request(`${url}/online`)).body.connections
    const gone = Array.from({ length: 20 }, (_, index) => `gone-${index}`)
    const place = `http://127.0.0.1:${proxy.port}`
    await Promise.all(gone.map((userId) => seat({ scope: rig.scope, url: place, userId }, 'r')))
    await sleep(1000)
    proxy.behave(blackHole)
    const goneAt = performance.now()
    await until(async () => (await request(`${url}/stats`)).body.connection_count === before)
    const closedMs = performance.now() - goneAt
    // The last sign of life was the answer to a ping, up to an interval earlier.
    assert.ok(closedMs < TIMEOUT_MS + LOOK_MS + SLACK_MS, `I10: closed after ${Math.round(closedMs)} ms only`)
    assert.ok(closedMs > TIMEOUT_MS / 2, `I10: closed after ${Math.round(closedMs)} ms already`)
    await until(async () => (await request(`${url}/rooms/r/online`)).body.online_count === 1)
    const leftMs = performance.now() - goneAt
    assert.ok(leftMs < closedMs + GRACE_MS + SLACK_MS, `I6: gone after ${Math.round(leftMs)} ms only`)
    await until(() => movesHeardBy(watcher, (userId) => gone.includes(userId)).length >= 40)
    await sleep(1000)
    for (const userId of gone) {
      const moves = movesHeardBy(watcher, (other) => other === userId)
      assert.deepEqual(moves, [`+${userId}`, `-${userId}`], 'I6')
    }
    assert.equal((await request(`${url}/online`)).body.connections, before, 'I11')
    return {
      seen: `${gone.length} closed after ${Math.round(closedMs)} ms, each left once, ${Math.round(leftMs)} ms after it had gone`,
      held: ['I6', 'I9', 'I10', 'I11']
    }
  }
}

export default row
