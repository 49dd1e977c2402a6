import t from 'tap'
import { Room } from '../../bench/load/room.js'

t.test('a message is done when the last member has it', async (t) => {
  const room = new Room(3)
  for (let number = 0; number < 4; number++) room.send()
  t.equal(room.receive(0, 4), 0)
  t.equal(room.receive(1, 2), 0)
  t.equal(room.receive(2, 3), 2, 'two that all have')
  t.equal(room.receive(1, 1), 1)
  t.match(room, { sent: 4, done: 3, delivered: 10, surplus: 0 })
})

t.test('what was never sent is surplus, and finishes nothing', async (t) => {
  const room = new Room(1)
  room.send()
  t.equal(room.receive(0, 3), 1)
  t.match(room, { done: 1, delivered: 3, surplus: 2 })
})
