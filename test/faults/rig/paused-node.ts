import assert from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from '../../support/server.js'
import { until } from '../../support/until.js'
import { movesHeardBy, type Person, seat, takeOver } from './people.js'
import { untilPresent } from './presence.js'
import type { FaultRow } from './row.js'

export interface Pause {
  readonly fault: string
  /** At least; in any case until the others have buried it. */
  readonly pausedMs: number
  readonly ci: boolean
}

const COUNT = 20
const names = (prefix: string) => Array.from({ length: COUNT }, (_, index) => `${prefix}-${index}`)
const isMember = (userId: string) => /^(moves|stays)-/.test(userId)

/** F19: of the clients of a node that stands still some go elsewhere, and some notice nothing. */
export function pausedRow({ fault, pausedMs, ci }: Pause): FaultRow {
  return {
    number: 'F19',
    fault,
    ci,
    deadlineMs: pausedMs + 120_000,
    async run(rig) {
      const { nodes, urls } = await rig.startCluster(2)
      const [pausedUrl = '', url = ''] = urls
      const { scope } = rig
      const watcher = await seat({ scope, url, userId: 'watcher' }, 'r')
      const enter = (userId: string) => seat({ scope, url: pausedUrl, userId }, 'r')
      const [moving, staying] = [await all(names('moves'), enter), await all(names('stays'), enter)]
      // What the node still has to tell of them it would tell when it goes on.
      await until(() => movesHeardBy(watcher, isMember).length === 2 * COUNT)
      const online = async () => (await request(`${url}/rooms/r/online`)).body.online_count

      nodes[0]?.process.kill('SIGSTOP')
      const stoppedAt = performance.now()
      await until(online, (count) => count === 1, 40_000)
      const comebacks = await all(moving, (former) => takeOver({ scope, url, userId: former.userId }, former))
      for (const { answer } of comebacks) assert.equal(answer?.type, 'ack', `I1: ${JSON.stringify(answer)}`)
      for (let number = 0; number < 10; number++) await post(url, number)
      await sleep(Math.max(0, pausedMs - (performance.now() - stoppedAt)))

      nodes[0]?.process.kill('SIGCONT')
      const continuedAt = performance.now()
      const codes = await Promise.all(moving.map(({ closed }) => Promise.race([closed, sleep(5000)])))
      assert.deepEqual(new Set(codes), new Set([4502]), 'I10: whose session is elsewhere is told so')
      const users = ['watcher', ...names('moves'), ...names('stays')]
      for (const node of urls) await untilPresent({ url: node, room: 'r', users }, 5000)
      const recoveryMs = performance.now() - continuedAt
      await post(url, 10)
      const everybody = [...staying, ...comebacks.map(({ person }) => person), watcher]
      await until(() => everybody.every((person) => contents(person).length === 11))
      for (const person of everybody) assert.deepEqual(contents(person), [...Array(11).keys()], `I1: ${person.userId}`)
      // Time for whatever would come late: a second leave, or a connection that is taken for dead.
      await sleep(3000)
      assert.equal(staying.filter(({ client }) => client.socket.readyState === client.socket.OPEN).length, COUNT)
      for (const userId of [...names('moves'), ...names('stays')]) {
        const moves = movesHeardBy(watcher, (other) => other === userId)
        assert.deepEqual(moves, [`+${userId}`, `-${userId}`, `+${userId}`], `I6: ${moves.join(' ')}`)
      }
      assert.equal(movesHeardBy(watcher, isMember).length, 6 * COUNT)
      const { connections } = (await request(`${url}/rooms/r/online`)).body
      assert.equal(connections, 1 + 2 * COUNT, 'I6: nobody is there twice')
      return {
        seen: `away for ${Math.round((continuedAt - stoppedAt) / 1000)} s; ${COUNT} that came back elsewhere closed with 4502, ${COUNT} that stayed kept; each left once and came once`,
        held: ['I1', 'I2', 'I4', 'I6', 'I9', 'I10', 'I14'],
        recoveryMs
      }
    }
  }
}

function all<From, To>(from: readonly From[], act: (one: From) => Promise<To>): Promise<To[]> {
  return Promise.all(from.map(act))
}

async function post(url: string, content: number): Promise<void> {
  const { status } = await request(`${url}/rooms/r/messages`, { method: 'POST', body: { content } })
  assert.equal(status, 201)
}

function contents({ pushes }: Person): number[] {
  return pushes.filter(({ type }) => type === 'chat_message').map(({ content }) => content)
}
