import { AssertionError } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from '../../support/server.js'
import type { Rig } from '../rig/rig.js'
import type { TrafficReport } from '../rig/traffic.js'
import { FailoverGroup, type Kill } from './group.js'

export interface FailoverOptions {
  readonly seconds: number
  readonly onKill: (kill: Kill) => void
}

export interface FailoverReport {
  readonly kills: readonly Kill[]
  readonly traffic: TrafficReport
  /** Epochs that came to an end, over all rooms. */
  readonly forks: number
  /** From the end of the last fault until every node told the truth of who is there. */
  readonly presenceMs: number
}

const ROOMS = ['a', 'b', 'c', 'd']
const MEMBERS_PER_ROOM = 6
const PERIOD_MS = 10_000
const COUNT_PERIOD_MS = 250
const PRESENCE_MS = 10_000

/** One node or the master is killed every 10 s while people talk in rooms. Throws where something does not hold. */
export async function playFailovers(rig: Rig, { seconds, onKill }: FailoverOptions): Promise<FailoverReport> {
  const group = await FailoverGroup.start(rig)
  const { urls } = group
  const traffic = await rig.startTraffic({
    ...{ urls, rooms: ROOMS, subscribersPerRoom: MEMBERS_PER_ROOM, publishersPerRoom: 2, perSecond: 10 }
  })
  await traffic.flow(100)
  const counts = new CountWatch(urls)
  const kills = await killUntil(performance.now() + seconds * 1000, { rig, group, onKill })
  const presenceMs = await traffic.untilPresenceIsRight(PRESENCE_MS)
  await counts.stop()
  await traffic.stop()
  const ends = await group.ends(ROOMS)
  const report = await traffic.check({ mayLose: { ends } })
  const forks = [...ends.values()].reduce((sum, { size }) => sum + size - 1, 0)
  return { kills, traffic: report, forks, presenceMs }
}

interface Killing {
  readonly rig: Rig
  readonly group: FailoverGroup
  readonly onKill: (kill: Kill) => void
}

async function killUntil(end: number, { rig, group, onKill }: Killing): Promise<Kill[]> {
  const kills: Kill[] = []
  for (let dueAt = performance.now(); dueAt < end; dueAt += PERIOD_MS) {
    await sleep(Math.max(0, dueAt - performance.now()))
    // The first two are one of each, however short the trial.
    const what = (['master', 'node'] as const)[kills.length] ?? rig.random.pick(['master', 'node'] as const)
    await group.untilReplicated()
    const kill = await group.kill(what)
    kills.push(kill)
    onKill(kill)
  }
  return kills
}

/** Looks at the counts all the time: none is negative, and none is more than there are (I6). */
class CountWatch {
  readonly #urls: readonly string[]
  readonly #running: Promise<void>
  readonly #faults: string[] = []
  #stopped = false

  constructor(urls: readonly string[]) {
    this.#urls = urls
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    if (this.#faults.length > 0) throw new AssertionError({ message: this.#faults.slice(0, 10).join('\n') })
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      await sleep(COUNT_PERIOD_MS)
      await this.#look(this.#urls[turn % this.#urls.length] as string, ROOMS[turn % ROOMS.length] as string)
    }
  }

  async #look(url: string, room: string): Promise<void> {
    // One that was killed tells nothing.
    const told = await request(`${url}/rooms/${room}/online`).catch(() => undefined)
    if (told?.status !== 200) return
    const { online_count, connections } = told.body
    const isPossible = online_count >= 0 && online_count <= MEMBERS_PER_ROOM && connections >= 0
    if (!isPossible) this.#faults.push(`I6: ${room} has ${online_count} users and ${connections} connections`)
  }
}
