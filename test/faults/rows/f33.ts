import assert from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerProcess } from '../../support/server-process.js'
import { until } from '../../support/until.js'
import { rssOf } from '../jitter/nodes.js'
import type { FaultRow } from '../rig/row.js'
import { ROOM, SlowReader } from '../slow/readers.js'
import { RawClient } from '../support/raw-client.js'

const MB = 1024 * 1024
const MESSAGE_BYTES = 4000
const PER_SECOND = 25
/** A tenth more than what is sent, with what the protocol adds to a message. */
const BYTES_PER_SECOND = Math.round(PER_SECOND * (MESSAGE_BYTES + 200) * 1.1)
const SECONDS = 60
/** How far it may be behind: two seconds. */
const BEHIND_MAX = 2 * PER_SECOND
const GROWTH_MB_MAX = 20

const row: FaultRow = {
  number: 'F33',
  fault: 'A member reads just fast enough, for a minute',
  ci: false,
  async run(rig) {
    const { nodes } = await rig.startCluster(1)
    const [{ url }] = nodes as [ServerProcess]
    const proxy = await rig.startProxy(Number(new URL(url).port))
    proxy.behave({ down: { bytesPerSecond: BYTES_PER_SECOND } })
    const reader = await SlowReader.join(rig.scope, `http://127.0.0.1:${proxy.port}`, 0)
    const source = await RawClient.connect(rig.scope, `${url.replace('http', 'ws')}/ws?user_id=source`)
    let [behind, base, highest] = [0, 0, 0]
    const begun = performance.now()
    const content = 'x'.repeat(MESSAGE_BYTES)
    for (let second = 1; second <= SECONDS; second++) {
      // All at once: it has nearly the whole second for them.
      const answers = Array.from({ length: PER_SECOND }, () =>
        source.ask({ type: 'chat_message', room: ROOM, content })
      )
      for (const answer of await Promise.all(answers)) assert.equal(answer?.type, 'ack', JSON.stringify(answer))
      behind = Math.max(behind, second * PER_SECOND - (reader.next - 1))
      const rss = await rssOf({ url })
      // The first third warms up.
      if (second <= SECONDS / 3) base = Math.max(base, rss)
      else highest = Math.max(highest, rss)
      await sleep(Math.max(0, begun + second * 1000 - performance.now()))
    }
    await until(() => reader.next === SECONDS * PER_SECOND + 1)
    assert.deepEqual(
      { open: reader.open, disorder: reader.disorder, gaps: reader.gaps },
      { open: true, disorder: [], gaps: [] }
    )
    assert.ok(behind <= BEHIND_MAX, `I7: ${behind} messages behind`)
    const growthMb = (highest - base) / MB
    assert.ok(growthMb < GROWTH_MB_MAX, `I7: ${growthMb} MB more`)
    return {
      seen: `never more than ${behind} messages behind, all ${reader.messages.length} in order; the node grew by ${Math.max(0, growthMb).toFixed(0)} MB`,
      held: ['I1', 'I2', 'I7', 'I9']
    }
  }
}

export default row
