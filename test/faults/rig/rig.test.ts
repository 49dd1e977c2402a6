import { once } from 'node:events'
import t from 'tap'
import type { FaultRow } from './row.js'
import { runRow } from './run-row.js'
import { renderTable } from './table.js'

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
