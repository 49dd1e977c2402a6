import { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { Arrivals } from '../../src/http/arrivals.js'

/** One comes in each of so many turns. Gives those who were served by then. */
async function comeInTurns(arrivals: Arrivals, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => new Socket())
  for (const socket of sockets) {
    arrivals.add(socket)
    await nextTurn()
  }
  return sockets
}

t.test('who comes alone is served at once', async (t) => {
  const served: Socket[] = []
  const arrivals = new Arrivals((socket) => served.push(socket))
  for (let number = 1; number <= 3; number++) {
    arrivals.add(new Socket())
    t.equal(served.length, number)
    for (let turn = 0; turn < 3; turn++) await nextTurn()
  }
})

t.test('of a herd few are served while it comes, then all in their order, some a turn', async (t) => {
  const served: Socket[] = []
  const arrivals = new Arrivals((socket) => served.push(socket))
  const sockets = await comeInTurns(arrivals, 320)
  t.ok(served.length >= 60 && served.length <= 100, `${served.length} were served`)
  let most = 0
  while (served.length < sockets.length) {
    const before = served.length
    await nextTurn()
    most = Math.max(most, served.length - before)
  }
  t.ok(most <= 4, `${most} in a turn`)
  t.ok(sockets.every((socket, index) => socket === served[index]))
})

t.test('while the node is busy they come slowly, but they come', async (t) => {
  const served: Socket[] = []
  const arrivals = new Arrivals(
    (socket) => served.push(socket),
    () => true
  )
  for (let number = 0; number < 11; number++) arrivals.add(new Socket())
  let turns = 0
  for (; served.length < 11; turns++) await nextTurn()
  t.ok(turns >= 40, `${turns} turns for ten`)
})

t.test('who has gone meanwhile is passed over', async (t) => {
  const served: Socket[] = []
  const arrivals = new Arrivals((socket) => served.push(socket))
  const [first, gone, last] = [new Socket(), new Socket(), new Socket()]
  for (const socket of [first, gone, last]) arrivals.add(socket)
  gone.destroy()
  while (served.length < 2) await nextTurn()
  t.strictSame(
    served.map((socket) => socket === last),
    [false, true]
  )
})
