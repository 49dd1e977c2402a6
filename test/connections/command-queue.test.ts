import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { CommandQueue } from '../../src/connections/command-queue.js'

/** A command that tells when it begins, and ends when the test says so. */
function command(log: string[], name: string) {
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const run = () => {
    log.push(name)
    return ended
  }
  return { run, end }
}

const ignoring = { onFull: () => {} }

t.test('commands begin in order without waiting for each other', async (t) => {
  const log: string[] = []
  const queue = new CommandQueue(1000, ignoring)
  for (const name of ['a', 'b', 'c']) queue.push(command(log, name).run, false)
  t.strictSame(log, ['a', 'b', 'c'])
  t.equal(queue.size, 3)
})

t.test('an exclusive one waits for all before it, and all after it wait for it', async (t) => {
  const log: string[] = []
  const queue = new CommandQueue(1000, ignoring)
  const [before, alone, after] = [command(log, 'before'), command(log, 'alone'), command(log, 'after')]
  queue.push(before.run, false)
  queue.push(alone.run, true)
  queue.push(after.run, false)
  t.strictSame(log, ['before'])
  before.end()
  await nextTurn()
  t.strictSame(log, ['before', 'alone'])
  alone.end()
  await nextTurn()
  t.strictSame(log, ['before', 'alone', 'after'])
  after.end()
  await queue.idle()
  t.equal(queue.size, 0)
})

t.test('a full queue says so, and says when half of it is answered, however many end at once', async (t) => {
  const states: boolean[] = []
  const queue = new CommandQueue(4, { onFull: (full) => states.push(full) })
  const commands = Array.from({ length: 6 }, () => command([], ''))
  for (const { run } of commands) queue.push(run, false)
  t.strictSame(states, [true])
  for (const { end } of commands) end()
  await queue.idle()
  t.strictSame(states, [true, false])
})

t.test('what has not begun is forgotten by clear', async (t) => {
  const log: string[] = []
  const queue = new CommandQueue(1000, ignoring)
  const first = command(log, 'first')
  queue.push(first.run, true)
  queue.push(command(log, 'second').run, false)
  queue.clear()
  first.end()
  await queue.idle()
  t.strictSame(log, ['first'])
})
