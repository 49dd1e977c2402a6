import assert from 'node:assert'
import { execFileSync } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { ServerProcess } from '../../support/server-process.js'
import { until } from '../../support/until.js'
import { processorTicks } from '../rig/metrics.js'
import type { Rig } from '../rig/rig.js'
import type { FaultRow } from '../rig/row.js'
import { talk } from '../rig/talk.js'

const ROOM_LEFT = 10
const HANDSHAKES = 40
const PATIENCE_MS = 3000
const LOOK_MS = 2000

/** What became of a handshake: let in, refused, or neither. */
type Outcome = 'open' | 'refused' | 'hung'

async function shakeHands({ scope }: Rig, url: string): Promise<{ socket: WebSocket; outcome: Outcome }> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`)
  scope.teardown(() => socket.terminate())
  const outcome = await new Promise<Outcome>((resolve) => {
    socket.once('open', () => resolve('open'))
    socket.on('error', () => resolve('refused'))
    setTimeout(() => resolve('hung'), PATIENCE_MS).unref()
  })
  return { socket, outcome }
}

function limitFiles(pid: number, count: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`])
}

const row: FaultRow = {
  number: 'F27',
  fault: 'A node has no file descriptor left',
  ci: false,
  async run(rig) {
    const { nodes, urls } = await rig.startCluster(1)
    const [node] = nodes as [ServerProcess]
    const pid = node.process.pid as number
    const traffic = await rig.startTraffic(talk(urls, { rooms: ['a'], publishersPerRoom: 1 }))
    await traffic.flow(20)
    limitFiles(pid, (await readdir(`/proc/${pid}/fd`)).length + ROOM_LEFT)
    const tried: Array<Awaited<ReturnType<typeof shakeHands>>> = []
    for (let n = 0; n < HANDSHAKES; n++) tried.push(await shakeHands(rig, node.url))
    const count = (wanted: Outcome) => tried.filter(({ outcome }) => outcome === wanted).length
    const [open, refused, hung] = [count('open'), count('refused'), count('hung')]
    // Requests that were just ending may have left room besides.
    assert.ok(open > 0 && open <= ROOM_LEFT + 3, `${open} were let in`)
    assert.equal(hung, 0, 'I10: everybody else is refused at once')
    const before = await processorTicks(pid)
    await sleep(LOOK_MS)
    const busy = ((await processorTicks(pid)) - before) / (LOOK_MS / 10)
    assert.ok(busy < 0.6, `I9: the accept loop spins: ${Math.round(busy * 100)} % of a processor`)
    await traffic.flow(20)
    for (const { socket } of tried) socket.terminate()
    await until(async () => (await shakeHands(rig, node.url)).outcome === 'open')
    limitFiles(pid, 1024)
    await traffic.stop()
    const { acknowledged, comebacks, unknown } = await traffic.check()
    assert.deepEqual({ comebacks, unknown }, { comebacks: 0, unknown: 0 }, 'those who were there feel nothing')
    return {
      seen: `${open} more let in, ${refused} refused at once; those inside heard all ${acknowledged}; let in again when there was room`,
      held: ['I1', 'I2', 'I3', 'I4', 'I9', 'I10']
    }
  }
}

export default row
