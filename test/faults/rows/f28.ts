import assert from 'node:assert'
import type { ServerProcess } from '../../support/server-process.js'
import { until } from '../../support/until.js'
import { rssOf } from '../jitter/nodes.js'
import type { FaultRow } from '../rig/row.js'
import { FastReader, ROOM, SlowReader } from '../slow/readers.js'
import { Latencies } from '../support/latencies.js'
import { RawClient } from '../support/raw-client.js'

const MB = 1024 * 1024
const HEAP_MB = 128
const SLOW = 60
const MESSAGE_BYTES = 40_000
const MESSAGES = 5000
const IN_FLIGHT = 8
const RETAINED = 200
/** Half the heap, and for each slow one what it may have queued (`SLOW_CONSUMER_BYTES`); far less than what goes past. */
const GROWTH_MB_MAX = HEAP_MB / 2 + SLOW

const row: FaultRow = {
  number: 'F28',
  fault: `A heap of ${HEAP_MB} MB, and ${SLOW} members that read nothing`,
  ci: false,
  async run(rig) {
    const env = { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`, HISTORY_SIZE: String(RETAINED) }
    const { nodes } = await rig.startCluster(1, env)
    const [{ url }] = nodes as [ServerProcess]
    const latencies = new Latencies()
    const fast = await FastReader.join(rig.scope, url, 'fast', latencies)
    const slow = await Promise.all(Array.from({ length: SLOW }, () => SlowReader.join(rig.scope, url, 0)))
    for (const reader of slow) reader.pause()
    const source = await RawClient.connect(rig.scope, `${url.replace('http', 'ws')}/ws?user_id=source`)
    const base = await rssOf({ url })
    let [sent, highest] = [0, 0]
    const filling = 'x'.repeat(MESSAGE_BYTES)
    const lane = async () => {
      while (sent < MESSAGES) {
        sent++
        const content = { sent_at: performance.now(), filling }
        const answer = await source.ask({ type: 'chat_message', room: ROOM, content })
        assert.equal(answer?.type, 'ack', JSON.stringify(answer))
        if (sent % 200 === 0) highest = Math.max(highest, await rssOf({ url }))
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
    await until(() => fast.last === MESSAGES)
    const growthMb = (highest - base) / MB
    assert.ok(growthMb < GROWTH_MB_MAX, `I7: ${growthMb} MB more`)
    const [one] = slow as [SlowReader]
    one.resume()
    await until(() => one.next === MESSAGES + 1)
    assert.deepEqual(one.disorder, [])
    assert.ok(one.messages.length >= RETAINED, 'I1: everything retained arrives')
    return {
      seen:
        `${Math.round((MESSAGES * MESSAGE_BYTES) / MB)} MB went past them, the node grew by ${Math.round(growthMb)} MB; ` +
        'one of them, let go, has what is retained and the `gap` before it',
      held: ['I1', 'I2', 'I7', 'I9']
    }
  }
}

export default row
