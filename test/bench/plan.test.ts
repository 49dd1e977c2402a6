import t from 'tap'
import { shareCores } from '../../bench/processes/cores.js'
import { planSteps } from '../../bench/run.js'
import { compression } from '../../bench/workloads/compression.js'
import { jitter } from '../../bench/workloads/jitter.js'
import { manyRooms } from '../../bench/workloads/many-rooms.js'
import { heldBy } from '../../bench/workloads/measure-rooms.js'

t.test('contestants take turns, and only those that were chosen', async (t) => {
  const steps = planSteps([manyRooms, jitter], ['socketio', 'c-write'], 2)
  const names = steps.map(({ workload, contestant }) => `${workload.name} ${contestant.name}`)
  const round = ['rooms-100x10 roomcast', 'rooms-100x10 socketio']
  t.same(names, [...round, ...round, 'jitter roomcast'])
})

t.test('Roomcast with another setting is no peer: it is always there', async (t) => {
  const names = planSteps(compression, [], 1).map(({ contestant }) => contestant.name)
  t.same(names, ['roomcast', 'roomcast-deflate', 'roomcast', 'roomcast-deflate'])
})

t.test('server, load and store have cores of their own where there are three', async (t) => {
  t.same(shareCores([0]), { server: undefined, loads: [], store: undefined })
  t.same(shareCores([0, 1]), { server: 0, loads: [1], store: 1 })
  t.same(shareCores([2, 4, 6]), { server: 2, loads: [4], store: 6 })
  t.same(shareCores([0, 1, 2, 3, 4, 5, 6, 7]), { server: 0, loads: [1, 2, 3], store: 7 })
})

t.test('a large room is divided among the processes of the load', async (t) => {
  const room = { rooms: 1, members: 1000, senders: 'one', pace: { inFlight: 4 } } as const
  t.equal(heldBy(room, 1), 1000)
  t.equal(heldBy(room, 2), 500)
  t.equal(heldBy({ ...room, members: 100 }, 2), 100, 'a small one is not')
  t.equal(heldBy({ ...room, sampled: 1000 }, 2), 1000, 'nor one in which every delivery is looked at')
})
