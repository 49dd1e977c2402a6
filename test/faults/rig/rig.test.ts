import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { Keys } from '../../../src/store/redis/keys.js'
import { bystander } from '../../store/redis-harness.js'
import { temporaryFolder } from '../../support/server-process.js'
import { PREFIX } from './rig.js'
import type { FaultRow } from './row.js'
import { runRow } from './run-row.js'
import { renderTable, writeTable } from './table.js'
import { talk } from './talk.js'

// The server may have to be built first.
t.setTimeout(480_000)

const row = (run: FaultRow['run'], more: Partial<FaultRow> = {}): FaultRow => ({
  ...{ number: 'F0', fault: 'none', ci: false, run },
  ...more
})
const seen = { seen: 'nothing', held: ['I9'] } as const

t.test('a row that holds is in the table with what was seen', async (t) => {
  const result = await runRow(
    row(async () => ({ ...seen, recoveryMs: 1234 })),
    1
  )
  t.equal(result.broken, undefined)
  t.equal(renderTable([result]).split('\n').at(-1), '| F0 | none | nothing | I9 | 1.2 s |')
})

t.test('a row that throws is broken, and what it started is ended', async (t) => {
  let ended = false
  const failing = row(async ({ scope }) => {
    scope.teardown(() => {
      ended = true
    })
    throw new Error('I1: lost | found')
  })
  const result = await runRow(failing, 1)
  t.match(result.broken, 'I1: lost')
  t.ok(ended)
  t.match(renderTable([result]), '| F0 | none | **broken**: Error: I1: lost \\| found |')
})

t.test('a row that does not end is broken after its deadline', async (t) => {
  const result = await runRow(
    row(() => new Promise(() => {}), { deadlineMs: 50 }),
    1
  )
  t.match(result.broken, 'not over after 50 ms')
})

t.test('a node that crashes breaks its row, one that is killed does not', async (t) => {
  const ending = (how: (pid: number) => void) =>
    row(async (rig) => {
      const { process: node } = await rig.startNode({ DATA_DIR: 'memory' })
      how(node.pid as number)
      await once(node, 'exit')
      return seen
    })
  t.equal(
    (
      await runRow(
        ending((pid) => process.kill(pid, 'SIGKILL')),
        1
      )
    ).broken,
    undefined
  )
  // By this signal a process of Node ends as it does on its own fault.
  t.match(
    (
      await runRow(
        ending((pid) => process.kill(pid, 'SIGABRT')),
        1
      )
    ).broken,
    'I9: a node ended'
  )
})

t.test('the same seed brings the same numbers', async (t) => {
  const drawn: number[] = []
  const drawing = row(async ({ random }) => {
    drawn.push(random.integer(0, 1_000_000))
    return seen
  })
  await runRow(drawing, 7)
  await runRow(drawing, 7)
  await runRow(drawing, 8)
  t.equal(drawn[0], drawn[1])
  t.not(drawn[0], drawn[2])
})

t.test('the table is written between its marks, and the rest of the document stays', async (t) => {
  const document = path.join(await temporaryFolder(t), 'faults.md')
  const begin = '<!-- the table of npm run test:faults begins -->'
  const end = '<!-- the table of npm run test:faults ends -->'
  await writeFile(document, `before\n${begin}\nold\n${end}\nafter\n`)
  const result = await runRow(
    row(async () => seen),
    1
  )
  for (let time = 1; time <= 2; time++) await writeTable(document, [result], 42)
  const text = await readFile(document, 'utf8')
  t.match(text, /^before\n/)
  t.match(text, /\nafter\n$/)
  t.notMatch(text, 'old')
  t.match(text, '--seed 42')
  t.equal(text.split('| F0 |').length, 2)
  await writeFile(document, 'no marks')
  await t.rejects(writeTable(document, [result], 42), /no place for the table/)
})

t.test('what the store loses without a word is found by the traffic', async (t) => {
  const losing = row(async (rig) => {
    const { redis, urls } = await rig.startCluster(2)
    const traffic = await rig.startTraffic(talk(urls))
    await traffic.flow(40)
    await (await bystander(rig.scope, redis.url)).del(new Keys(PREFIX).log('room:a'))
    await traffic.flow(40)
    await traffic.stop()
    await traffic.check()
    return seen
  })
  t.match((await runRow(losing, 1)).broken, /^I1: a-publisher\d-\d+ was acknowledged at \d+ and is lost/)
})
