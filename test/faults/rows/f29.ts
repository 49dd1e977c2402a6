import assert from 'node:assert'
import { request } from '../../support/server.js'
import type { ServerProcess } from '../../support/server-process.js'
import { until } from '../../support/until.js'
import { Tally } from '../jitter/tally.js'
import type { Rig } from '../rig/rig.js'
import type { FaultRow } from '../rig/row.js'
import { Balancer } from '../rolling/balancer.js'
import { RollingClient } from '../rolling/client.js'

const CLIENTS = 600
const ROOMS = ['storm0', 'storm1', 'storm2', 'storm3']
const MISSED = 20
/** Of each node. Who comes back pays half: the nodes take four times as many of them in a second, together. */
const HANDSHAKES_PER_SECOND = 60
/** Windows in which one read serves all who come back to a room, on two nodes. */
const READS_PER_ROOM = 12

interface Member {
  readonly name: string
  readonly room: string
  readonly rolling: RollingClient
}

const row: FaultRow = {
  number: 'F29',
  fault: 'all connections are torn at the same moment, with a budget of handshakes',
  ci: false,
  async run(rig) {
    const redis = await rig.startRedis()
    const env = { REDIS_URL: redis.url, REDIS_PREFIX: 'roomcast', HANDSHAKES_PER_SECOND: String(HANDSHAKES_PER_SECOND) }
    const nodes = await Promise.all([rig.startNode(env), rig.startNode(env)])
    const tally = new Tally()
    const members = await gather(rig, nodes, tally)
    const readsBefore = await sum(nodes, 'history_reads')

    const begun = performance.now()
    for (const { rolling } of members) rolling.cut()
    await publishMissed(nodes[0].url)
    await until(
      () => lateOnes(members, tally).length,
      (count) => count === 0,
      60_000
    )
    const recoveryMs = performance.now() - begun

    const refused = await sum(nodes, 'refused_handshakes')
    const reads = (await sum(nodes, 'history_reads')) - readsBefore
    judge(tally, { refused, reads })
    await untilCountsAreRight(nodes)
    return {
      seen:
        `${CLIENTS} of ${CLIENTS} are back with all ${MISSED} messages that they missed, none twice; ${refused} handshakes ` +
        `were put off; ${(reads / ROOMS.length).toFixed(1)} reads of each room`,
      held: ['I1', 'I2', 'I3', 'I6', 'I9', 'I13', 'I14'],
      recoveryMs
    }
  }
}

async function gather(rig: Rig, nodes: readonly ServerProcess[], tally: Tally): Promise<Member[]> {
  const balancer = new Balancer(rig.scope, rig.random)
  for (const node of nodes) balancer.add(node)
  const members = Array.from({ length: CLIENTS }, (_, n): Member => {
    const [name, room] = [`client${n}`, ROOMS[n % ROOMS.length] as string]
    let wasThere = false
    const rolling = new RollingClient({
      pick: balancer.pick,
      userId: name,
      onMessage: (message) => tally.hear(name, message),
      onOutcome: (outcome) => {
        if (outcome.startsWith('resumed') && wasThere) tally.count(outcome)
        wasThere ||= outcome.startsWith('resumed')
        if (outcome === 'gap' || outcome === 'reset' || outcome === 'removed') tally.count(outcome)
      }
    })
    rig.scope.teardown(() => void rolling.client.close())
    return { name, room, rolling }
  })
  for (const { rolling } of members) rolling.client.connect()
  await Promise.all(members.map(({ rolling, room }) => rolling.client.join(room)))
  return members
}

async function publishMissed(url: string): Promise<void> {
  const items = ROOMS.flatMap((room) =>
    Array.from({ length: MISSED }, (_, n) => ({ room, content: { sentAt: performance.now(), n } }))
  )
  const { status } = await request(`${url}/publish`, { method: 'POST', body: { items } })
  assert.strictEqual(status, 200)
}

/** Who is not back, or has not heard everything. */
function lateOnes(members: readonly Member[], tally: Tally): string[] {
  return members
    .filter(({ name, room, rolling }) => rolling.client.state !== 'connected' || !tally.isComplete(name, room, MISSED))
    .map(({ name }) => name)
}

function judge(
  { violations, repeated, outcomes }: Tally,
  { refused, reads }: { refused: number; reads: number }
): void {
  assert.deepStrictEqual(violations, [])
  assert.strictEqual(repeated, 0, 'I3: handed on twice')
  const surprises = [...outcomes.keys()].filter((outcome) => outcome !== 'resumed true')
  assert.deepStrictEqual(surprises, [], 'every session was there, and nothing was lost')
  assert.ok(refused > 0, 'I14: nobody had to wait')
  assert.ok(
    reads <= ROOMS.length * READS_PER_ROOM,
    `I14: ${reads} reads for ${CLIENTS} clients in ${ROOMS.length} rooms`
  )
}

async function untilCountsAreRight(nodes: readonly ServerProcess[]): Promise<void> {
  for (const { url } of nodes) {
    for (const room of ROOMS) {
      const expected = CLIENTS / ROOMS.length
      await until(
        async () => (await request(`${url}/rooms/${room}/online`)).body.online_count,
        (count) => count === expected
      )
    }
  }
}

/** A counter of all nodes together, with whatever labels. */
async function sum(nodes: readonly ServerProcess[], name: string): Promise<number> {
  const pattern = new RegExp(`^roomcast_${name}_total(?:\\{[^}]*\\})? (\\d+)`, 'gm')
  const texts = await Promise.all(nodes.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()))
  return texts.flatMap((text) => [...text.matchAll(pattern)]).reduce((total, [, count]) => total + Number(count), 0)
}

export default row
