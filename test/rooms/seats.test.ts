import t from 'tap'
import { Receiver } from '../../src/channels/receiver.js'
import type { Connection } from '../../src/connections/connection.js'
import { type Seat, Seats } from '../../src/rooms/seats.js'
import { fakeConnection } from '../support/fake-transport.js'

function seatOf(connection: Connection, removalId?: string): Seat {
  return { receiver: new Receiver(connection, { epoch: 'e1', offset: 0 }), removalId }
}

function two() {
  const seats = new Seats()
  const one = fakeConnection().connection
  const other = fakeConnection().connection
  return { seats, one, other }
}

t.test('nobody has a seat before it takes one', async (t) => {
  const { seats, one } = two()
  t.equal(seats.roomCount, 0)
  t.equal(seats.has(one.id, 'lobby'), false)
  t.equal(seats.of(one).size, 0)
  t.equal(seats.free(one, 'lobby'), undefined)
  t.same([...seats.connections()], [])
})

t.test('a seat is found by its connection and by its room', async (t) => {
  const { seats, one, other } = two()
  const [mine, mineToo, theirs] = [seatOf(one, 'r1'), seatOf(one), seatOf(other)]
  seats.take(one, 'lobby', mine)
  seats.take(one, 'attic', mineToo)
  seats.take(other, 'lobby', theirs)
  t.equal(seats.roomCount, 2)
  t.equal(seats.of(one).get('lobby'), mine)
  t.equal(seats.of(one).get('attic'), mineToo)
  t.same([...seats.of(other).keys()], ['lobby'])
  t.equal(seats.has(one.id, 'attic'), true)
  t.equal(seats.has(other.id, 'attic'), false)
  t.strictSame(new Set(seats.connections()), new Set([one, other]))
})

t.test('a seat that is given up is answered once, and the last one of a room ends it', async (t) => {
  const { seats, one, other } = two()
  const mine = seatOf(one)
  seats.take(one, 'lobby', mine)
  seats.take(other, 'lobby', seatOf(other))
  t.equal(seats.free(one, 'lobby'), mine)
  t.equal(seats.free(one, 'lobby'), undefined)
  t.equal(seats.has(one.id, 'lobby'), false)
  t.equal(seats.has(other.id, 'lobby'), true, 'others stay')
  t.equal(seats.roomCount, 1)
  t.same([...seats.connections()], [other])
  seats.free(other, 'lobby')
  t.equal(seats.roomCount, 0)
  t.same([...seats.connections()], [])
})

t.test('a seat taken again replaces the one before', async (t) => {
  const { seats, one } = two()
  const later = seatOf(one, 'r2')
  seats.take(one, 'lobby', seatOf(one, 'r1'))
  seats.take(one, 'lobby', later)
  t.equal(seats.of(one).size, 1)
  t.equal(seats.roomCount, 1)
  t.equal(seats.free(one, 'lobby'), later)
  t.equal(seats.roomCount, 0, 'one leave is enough')
})

t.test('rooms stand apart, whatever their names', async (t) => {
  const { seats, one } = two()
  const names = ['__proto__', 'constructor', 'a', 'A', 'é', 'e\u0301', '']
  for (const name of names) seats.take(one, name, seatOf(one, name))
  t.equal(seats.roomCount, names.length)
  for (const name of names) t.equal(seats.free(one, name)?.removalId, name)
  t.equal(seats.roomCount, 0)
})
