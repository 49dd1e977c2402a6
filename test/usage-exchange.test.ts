import t from 'tap'
import { Limiter } from '../src/connections/limiter.js'
import { UsageExchange, type UsageExchangeOptions } from '../src/usage-exchange.js'
import { ManualClock } from './support/manual-clock.js'

const rates = { messages: 100, messageBurst: 200, bytes: 1000, deliveries: 0 }

/** A node that hears what it tells, as each does, and whatever else `hear` says. */
async function setUp() {
  const clock = new ManualClock()
  const limiter = new Limiter({ rates, userFactor: 1, addressFactor: 0, tellsUsers: true, clock })
  const told: string[] = []
  let hear: (report: string) => boolean = () => false
  const options = {
    limiter,
    clock,
    nodes: { nodeId: 'this one' },
    streams: {
      signal: async (_channel: string, encoded: Buffer) => {
        told.push(encoded.toString())
        hear(encoded.toString())
      }
    },
    channels: {
      listen: async (_channel: string, { onSignal }: { onSignal: (channel: string, signal: object) => boolean }) => {
        hear = (report) => onSignal('', { encoded: Buffer.from(report) })
      }
    }
  }
  const exchange = new UsageExchange(options as unknown as UsageExchangeOptions)
  await exchange.start()
  const use = (user: string, messages: number, bytes = 0) => limiter.users?.of(user).take(messages, bytes)
  return { clock, limiter, exchange, told, use, hear: (report: object) => hear(JSON.stringify(report)) }
}

t.test('a node pays nothing twice for its own report, and what others tell once', async (t) => {
  const { clock, limiter, told, use, hear } = await setUp()
  use('alice', 200)
  clock.advance(1000)
  t.strictSame(told, ['{"from":"this one","users":[["alice",200,0,0]]}'])
  for (let n = 0; n < 100; n++) {
    t.equal(limiter.users?.of('alice').shortFor(clock.monotonic()), undefined)
    use('alice', 1)
  }
  t.equal(limiter.users?.of('alice').shortFor(clock.monotonic()), 'messages')
  t.equal(hear({ from: 'another', users: [['bob', 200, 0, 0]] }), true)
  t.equal(limiter.users?.of('bob').shortFor(clock.monotonic()), 'messages')
  clock.advance(10)
  t.equal(limiter.users?.of('bob').shortFor(clock.monotonic()), undefined)
})

t.test('who did much is told of, the busiest first and no more than five hundred', async (t) => {
  const { clock, told, use } = await setUp()
  use('idle', 9, 99)
  use('of many bytes', 1, 100_000)
  for (let n = 0; n < 600; n++) use(`user ${n}`, 10 + n)
  clock.advance(1000)
  const { users } = JSON.parse(told[0] ?? '')
  t.equal(users.length, 500)
  t.strictSame(users.slice(0, 2), [
    ['of many bytes', 1, 100_000, 0],
    ['user 599', 609, 0, 0]
  ])
  t.notOk(JSON.stringify(users).includes('"user 100"'))
  use('idle', 9, 99)
  use('just enough', 10)
  clock.advance(1000)
  t.strictSame(JSON.parse(told[1] ?? '').users, [['just enough', 10, 0, 0]])
})

t.test('where nobody did much nothing is told, nor after the end', async (t) => {
  const { clock, exchange, told, use } = await setUp()
  use('idle', 1)
  clock.advance(1000)
  exchange.close()
  use('alice', 100)
  clock.advance(5000)
  t.strictSame(told, [])
})

t.test('what is no report charges nobody', async (t) => {
  const { limiter, hear } = await setUp()
  for (const users of [
    [['alice', -1, 0, 0]],
    [['alice', 1]],
    [[1, 1, 1, 1]],
    'alice',
    Array(501).fill(['alice', 1, 0, 0])
  ]) {
    t.equal(hear({ from: 'another', users }), false)
  }
  t.equal(hear({ users: [] }), false)
  t.equal(limiter.users?.size, 0)
})
