import { EventEmitter } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import type { RedisConnection } from '../../src/store/redis/connections.js'
import { RedisLine } from '../../src/store/redis/redis-line.js'
import { ManualClock } from '../support/manual-clock.js'

class ReplyError extends Error {
  override readonly name = 'ReplyError'
}

/** A connection whose Redis answers only when the test says so. */
class SilentConnection extends EventEmitter {
  status = 'ready'
  thrownAway = 0
  readonly asked: Array<{ name: string; resolve: (reply: unknown) => void; reject: (error: Error) => void }> = []

  ping(): Promise<unknown> {
    return this.#ask('ping')
  }

  get(): Promise<unknown> {
    return this.#ask('get')
  }

  disconnect(): void {
    this.thrownAway++
  }

  answer(name: string, reply: unknown = 'OK'): void {
    for (const one of this.asked.filter((asked) => asked.name === name)) {
      if (reply instanceof Error) one.reject(reply)
      else one.resolve(reply)
      this.asked.splice(this.asked.indexOf(one), 1)
    }
  }

  #ask(name: string): Promise<unknown> {
    return new Promise((resolve, reject) => this.asked.push({ name, resolve, reject }))
  }
}

function setUp() {
  const connection = new SilentConnection()
  const clock = new ManualClock()
  const changes: Array<string | undefined> = []
  const line = new RedisLine({
    connection: connection as unknown as RedisConnection,
    clock,
    ping: (connection) => connection.ping(),
    patience: 2,
    onChange: () => changes.push(line.trouble)
  })
  const tick = async () => {
    clock.advance(500)
    line.tick()
    await nextTurn()
  }
  return { connection, clock, line, tick, changes }
}

const refusal = { code: 'store_unavailable', retryAfterMs: 1000 }

t.test('what is asked is answered, and refused in time where no answer comes', async (t) => {
  const { connection, clock, line } = setUp()
  const answered = line.guarded.get('key')
  connection.answer('get', 'value')
  t.equal(await answered, 'value')
  const late = line.guarded.get('key')
  clock.advance(2500)
  await t.rejects(late, refusal)
})

t.test('a Redis that falls silent is known after two ticks, and nothing more is sent to it', async (t) => {
  const { connection, line, tick } = setUp()
  await tick()
  const told = t.rejects(line.guarded.get('key'), refusal, 'whoever waits is told at once')
  await tick()
  t.equal(line.trouble, undefined)
  await tick()
  t.equal(line.trouble, 'Redis does not answer')
  await told
  const asked = connection.asked.length
  for (let n = 0; n < 1000; n++) await t.rejects(line.guarded.get('key'), refusal)
  for (let n = 0; n < 5; n++) await tick()
  t.equal(connection.asked.length, asked, 'nothing piles up, pings neither')
  connection.answer('ping')
  await nextTurn()
  t.equal(line.trouble, undefined, 'and it is there again with its first answer')
  const answered = line.guarded.get('key')
  connection.answer('get', 'value')
  t.equal(await answered, 'value')
})

t.test('any answer is a sign of life, also before that to the ping', async (t) => {
  const { connection, line, tick } = setUp()
  for (let n = 0; n < 6; n++) {
    const asked = line.guarded.get('key')
    await tick()
    connection.answer('get', 'value')
    await asked
  }
  t.equal(line.trouble, undefined)
  for (let n = 0; n < 6; n++) {
    await tick()
    connection.emit('messageBuffer', Buffer.from('topic'), Buffer.from('message'))
  }
  t.equal(line.trouble, undefined, 'so is what is published')
})

t.test('a socket on which nothing comes for five seconds is thrown away', async (t) => {
  const { connection, tick } = setUp()
  for (let n = 0; n < 10; n++) await tick()
  t.equal(connection.thrownAway, 0)
  await tick()
  t.equal(connection.thrownAway, 1)
  connection.status = 'reconnecting'
  connection.emit('close')
  for (let n = 0; n < 20; n++) await tick()
  t.equal(connection.thrownAway, 1, 'not one that is being made anew')
  connection.status = 'connect'
  for (let n = 0; n < 10; n++) await tick()
  t.equal(connection.thrownAway, 2, 'but one that is accepted and not let in')
})

t.test('a connection that is lost refuses who waits at once', async (t) => {
  const { connection, line, changes } = setUp()
  const waiting = line.guarded.get('key')
  connection.status = 'close'
  connection.emit('close')
  await t.rejects(waiting, refusal)
  t.equal(line.trouble, 'Redis is not connected')
  await t.rejects(line.guarded.get('key'), refusal)
  connection.status = 'ready'
  connection.emit('ready')
  t.strictSame(changes, ['Redis is not connected', undefined])
})

const refusals: ReadonlyArray<readonly [answer: string, reason: string | undefined]> = [
  ["OOM command not allowed when used memory > 'maxmemory'. script: ab, on @user_script:1.", 'Redis is out of memory'],
  ['NOAUTH Authentication required.', 'Redis refuses the credentials'],
  ['NOPERM this user has no permissions to run the secret command', 'Redis does not allow a command or a key'],
  ['NOPERM this user has no permissions to access one of the channels used as arguments', undefined],
  ["READONLY You can't write against a read only replica.", 'Redis is a replica that takes no writes'],
  ['BUSY Redis is busy running a script.', 'Redis is busy with a script'],
  ['LOADING Redis is loading the dataset in memory', 'Redis is loading its data'],
  [
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'Redis is a replica without its master'
  ],
  ['MISCONF Redis is configured to save RDB snapshots', 'Redis cannot write to its disk'],
  ['WRONGTYPE Operation against a key holding the wrong kind of value', undefined]
]

for (const [answer, reason] of refusals) {
  t.test(`"${answer.slice(0, 40)}" is told as ${reason}`, async (t) => {
    const { connection, clock, line } = setUp()
    const asked = line.guarded.get('key')
    connection.answer('get', new ReplyError(answer))
    await t.rejects(asked, { message: answer })
    t.equal(line.trouble, reason)
    const next = line.guarded.get('key')
    connection.answer('get', 'value')
    t.equal(await next, 'value', 'what Redis refuses it answers: others are asked on')
    clock.advance(2000)
    t.equal(line.trouble, undefined, 'and is over when nothing more is refused')
  })
}

t.test('why a connection is not let in is told until it is', async (t) => {
  const { connection, line } = setUp()
  connection.status = 'reconnecting'
  connection.emit('error', new ReplyError('ERR max number of clients reached'))
  t.equal(line.trouble, 'Redis takes no more connections')
  connection.emit('error', new Error('connect ECONNREFUSED 127.0.0.1:6379'))
  t.equal(line.trouble, 'Redis is not connected')
})
