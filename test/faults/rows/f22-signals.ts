import assert from 'node:assert'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Keys } from '../../../src/store/redis/keys.js'
import { bystander } from '../../store/redis-harness.js'
import { root } from '../../support/root.js'
import { builtServer, type ServerProcess, spawnServer, temporaryFolder } from '../../support/server-process.js'
import type { Rig } from '../rig/rig.js'
import type { FaultRow } from '../rig/row.js'

/** One that comes sooner is the same signal. */
const ANOTHER_SIGNAL_MS = 2100
/** After the drain (src/serve.ts). */
const DEADLINE_MS = 18_000
const STARTS = 6
/** A start takes about as long. */
const START_MS = 800

const row: FaultRow = {
  number: 'F22',
  fault: 'SIGTERM twice, during the start, and while Redis is frozen or gone',
  ci: false,
  deadlineMs: 180_000,
  async run(rig) {
    const hurriedMs = await hurried(rig)
    const brokenOff = await startsBrokenOff(rig)
    const frozenMs = await endWithout(rig, 'SIGSTOP')
    const goneMs = await endWithout(rig, 'SIGKILL')
    return {
      seen:
        `a second signal ends a drain of 60 s in ${hurriedMs} ms, with 1012 and the session kept; ${brokenOff} of ` +
        `${STARTS} starts were broken off, and left no lock and no lease; without Redis it ends with 0 after ` +
        `${frozenMs} ms (frozen) and ${goneMs} ms (gone)`,
      held: ['I1', 'I9', 'I10', 'I11']
    }
  }
}

/** How long the second signal takes to end a node whose client does not leave. */
async function hurried(rig: Rig): Promise<number> {
  const { url } = await rig.startRedis()
  const leaving = await rig.startNode({ REDIS_URL: url, REDIS_PREFIX: 'roomcast', DRAIN_SECONDS: '60' })
  const staying = await rig.startNode({ REDIS_URL: url, REDIS_PREFIX: 'roomcast' })
  const client = await leaving.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'r' })
  const closed = client.closed()
  const ended = leaving.end('SIGTERM')
  await client.next(({ action }) => action === 'goaway')
  leaving.process.kill('SIGTERM')
  await sleep(ANOTHER_SIGNAL_MS)
  assert.strictEqual(leaving.process.exitCode, null, 'a signal that comes at once is the same one')
  const hurriedAt = performance.now()
  leaving.process.kill('SIGTERM')
  assert.deepStrictEqual(await ended, { code: 0, signal: null })
  const tookMs = Math.round(performance.now() - hurriedAt)
  assert.strictEqual(await closed, 1012)
  const { session_id, resume_token } = client.messages[0] ?? {}
  const back = await staying.connect('/ws?user_id=alice')
  const answer = await back.ask({ type: 'resume', session_id, resume_token })
  assert.strictEqual(answer.rooms?.r?.recovered, 'full', JSON.stringify(answer))
  return tookMs
}

/** Ends starts at any moment; gives how many of them had got as far as to take the signal. */
async function startsBrokenOff(rig: Rig): Promise<number> {
  const DATA_DIR = await temporaryFolder(rig.scope)
  const { url } = await rig.startRedis()
  let brokenOff = 0
  for (let n = 0; n < STARTS; n++) {
    const env: Record<string, string> = n % 2 === 0 ? { DATA_DIR } : { REDIS_URL: url }
    const { child, output } = spawnServer(rig.scope, env, root, builtServer())
    const exited = once(child, 'exit')
    await sleep(rig.random.next() * START_MS)
    child.kill('SIGTERM')
    const [code, signal] = await exited
    // Before its first line runs a process cannot take signals.
    const notBegun = signal === 'SIGTERM' && output() === ''
    assert.ok(code === 0 || notBegun, `it ended with ${code ?? signal}: ${output()}`)
    if (code === 0) brokenOff++
  }
  assert.ok(brokenOff > 0, 'some were hit while they started')
  const redis = await bystander(rig.scope, url)
  assert.strictEqual(await redis.zcard(new Keys('roomcast').leases), 0, 'no lease is left')
  await rig.startNode({ DATA_DIR })
  return brokenOff
}

/** How long a node takes to end whose Redis is frozen or gone. */
async function endWithout(rig: Rig, signal: 'SIGSTOP' | 'SIGKILL'): Promise<number> {
  const redis = await rig.startRedis()
  const node = await rig.startNode({ REDIS_URL: redis.url, REDIS_PREFIX: 'roomcast', DRAIN_SECONDS: '1' })
  const client = await node.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'r' })
  redis.process.kill(signal)
  const closed = client.closed()
  const tookMs = await timeOfEnd(node)
  assert.ok(tookMs < 1000 + DEADLINE_MS, `${tookMs} ms`)
  assert.strictEqual(await closed, 1012)
  return tookMs
}

async function timeOfEnd(node: ServerProcess): Promise<number> {
  const begun = performance.now()
  assert.deepStrictEqual(await node.end('SIGTERM'), { code: 0, signal: null }, node.output())
  return Math.round(performance.now() - begun)
}

export default row
