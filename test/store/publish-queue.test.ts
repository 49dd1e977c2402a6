import t from 'tap'
import { storeUnavailable } from '../../src/errors.js'
import { systemRandom } from '../../src/random.js'
import { Keys } from '../../src/store/redis/keys.js'
import type { OrderedScript } from '../../src/store/redis/ordered-script.js'
import { PublishQueue } from '../../src/store/redis/publish-queue.js'
import type { RunWatch } from '../../src/store/redis/run-watch.js'
import { span } from './hearing.js'

const retention = { size: 10, ttlMs: 1000 }

for (const [why, current] of [
  ['Redis does not answer', 'run'],
  ['Redis is not connected', undefined]
] as const) {
  t.test(`publishes of one turn that fail together have an error each: ${why}`, async (t) => {
    const script = { call: () => Promise.reject(storeUnavailable(new Error(why))) } as unknown as OrderedScript
    const run = { current } as unknown as RunWatch
    const queue = new PublishQueue({ keys: new Keys('p'), run, script, random: systemRandom })
    const publish = (n: number) =>
      queue.push('room:r', Buffer.from('{}'), { messageId: `m${n}`, timestamp: 1, retention, idempotencyMs: 1000 })
    const outcomes = await Promise.allSettled(span(1, 3).map(publish))
    const reasons = outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)
    for (const reason of reasons) t.match(reason, { code: 'store_unavailable', cause: { message: why } })
    t.equal(new Set(reasons).size, 3)
  })
}
