import fc from 'fast-check'
import t from 'tap'
import { Keys, PARTITIONS, partitionOf } from '../../src/store/redis/keys.js'

const keys = new Keys('app')
const name = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }),
  // What the keys themselves are made of.
  fc
    .array(fc.constantFrom('a', 'b', ':', '{', '}', '1', 'meta', 'log', 'receipt', 'room'), {
      minLength: 1,
      maxLength: 5
    })
    .map((parts) => parts.join(''))
)
const node = fc.uuid().map((uuid) => `${uuid}.1`)

/** What Redis Cluster goes by: what stands within the first braces. */
function hashTagOf(key: string): string | undefined {
  return /^[^{]*\{([^}]+)\}/s.exec(key)?.[1]
}

t.test('a partition is a number from 0 to 255, the same for the same id', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 140 }), (id) => {
      const partition = partitionOf(id)
      t.ok(Number.isInteger(partition) && partition >= 0 && partition < PARTITIONS)
      t.equal(partitionOf(id), partition)
    })
  )
})

t.test('the partition of an id never changes', async (t) => {
  t.equal(PARTITIONS, 256)
  // FNV-1a of the empty text is 0x811c9dc5, of 'a' 0xe40c292c, of 'foobar' 0xbf9cf968: their four bytes in one.
  t.equal(partitionOf(''), 0x81 ^ 0x1c ^ 0x9d ^ 0xc5)
  t.equal(partitionOf('a'), 0xe4 ^ 0x0c ^ 0x29 ^ 0x2c)
  t.equal(partitionOf('foobar'), 0xbf ^ 0x9c ^ 0xf9 ^ 0x68)
})

t.test('ids are spread over all partitions', async (t) => {
  const counts = new Array<number>(PARTITIONS).fill(0)
  for (let index = 0; index < 25_600; index++) {
    const partition = partitionOf(`room:chat-${index}`)
    counts[partition] = (counts[partition] ?? 0) + 1
  }
  t.ok(Math.min(...counts) > 50 && Math.max(...counts) < 200, `${Math.min(...counts)} to ${Math.max(...counts)} of 100`)
})

t.test('all that a script touches together has one hash tag, whatever the names', async (t) => {
  fc.assert(
    fc.property(name, name, node, (channel, messageId, nodeName) => {
      const partition = partitionOf(channel)
      const together = [
        keys.meta(channel),
        keys.log(channel),
        keys.receipt(channel, messageId),
        keys.topic(channel),
        keys.users(channel),
        keys.nodeMembers(channel, nodeName),
        keys.rooms(partition),
        keys.roomConnections(partition),
        keys.nodeRooms(partition, nodeName),
        keys.online(partition),
        keys.nodeOnline(partition, nodeName)
      ]
      for (const key of together) t.equal(hashTagOf(key), String(partition), JSON.stringify(key))
    })
  )
  for (const key of [keys.leases, keys.dead, keys.nodeConnections]) t.equal(hashTagOf(key), 'nodes')
})

t.test('no two things have one key, whatever their names', async (t) => {
  const keyed = fc.oneof(
    name.map((one) => ({ what: JSON.stringify(['meta', one]), key: keys.meta(one) })),
    name.map((one) => ({ what: JSON.stringify(['log', one]), key: keys.log(one) })),
    name.map((one) => ({ what: JSON.stringify(['topic', one]), key: keys.topic(one) })),
    name.map((one) => ({ what: JSON.stringify(['users', one]), key: keys.users(one) })),
    fc
      .tuple(name, name)
      .map(([one, two]) => ({ what: JSON.stringify(['receipt', one, two]), key: keys.receipt(one, two) })),
    fc
      .tuple(name, fc.constantFrom('n1.1', 'n1.2'))
      .map(([one, two]) => ({ what: JSON.stringify(['members', one, two]), key: keys.nodeMembers(one, two) })),
    fc.nat(255).map((partition) => ({ what: `rooms ${partition}`, key: keys.rooms(partition) })),
    fc.nat(255).map((partition) => ({ what: `connections ${partition}`, key: keys.roomConnections(partition) })),
    fc.nat(255).map((partition) => ({ what: `online ${partition}`, key: keys.online(partition) })),
    fc.nat(255).map((partition) => ({ what: `node rooms ${partition}`, key: keys.nodeRooms(partition, 'n1.1') })),
    fc.nat(255).map((partition) => ({ what: `node online ${partition}`, key: keys.nodeOnline(partition, 'n1.1') }))
  )
  fc.assert(
    fc.property(keyed, keyed, (one, two) => {
      t.equal(one.key === two.key, one.what === two.what, `${one.what} and ${two.what}`)
    }),
    { numRuns: 2000 }
  )
})

t.test('channel and message id are told apart where their texts run together', async (t) => {
  fc.assert(
    fc.property(name, name, name, (a, b, c) => {
      t.not(keys.receipt(`${a}:${b}`, c), keys.receipt(a, `${b}:${c}`))
    })
  )
})

t.test('they are told apart in one partition, too', async (t) => {
  // Only there a key could be the same: the partition is in it.
  const numbers = Array.from({ length: 5000 }, (_, index) => `room:${index}`)
  const alike = numbers.filter((one) => partitionOf(one) === partitionOf(`${one}:b`))
  t.ok(alike.length > 0)
  for (const one of alike) {
    t.not(keys.receipt(one, 'b:c'), keys.receipt(`${one}:b`, 'c'))
    t.not(keys.deviceCursors(one, 'b:c'), keys.deviceCursors(`${one}:b`, 'c'), 'devices of users, too')
  }
})

t.test('another prefix has other keys', async (t) => {
  const other = new Keys('app2')
  t.not(other.meta('room:a'), keys.meta('room:a'))
  t.not(other.topic('room:a'), keys.topic('room:a'))
  t.not(other.leases, keys.leases)
})
