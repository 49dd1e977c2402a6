import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { writeBetweenMarks } from '../../bench/report/document.js'
import { renderReport } from '../../bench/report/render.js'
import type { Results, Runs } from '../../bench/report/results.js'
import { joinResults } from '../../bench/report/store.js'
import { isMet, renderValue } from '../../bench/report/table.js'
import { oneRoom } from '../../bench/workloads/one-room.js'

const workload = oneRoom({ members: 1000, inFlight: 128, timesSocketIo: 40, notUnderC: true })
const all = [workload]
const runsOf = (...values: number[]) => values.map((value) => ({ value }))

function resultsOf(runs: Runs | undefined): Results {
  return {
    commands: ['npm run bench'],
    startedAt: '2026-01-02T03:04:05.000Z',
    machine: {
      ...{ processors: 2, model: 'Test', memoryGigabytes: 4, system: 'Linux 6', node: '20.0.0', commit: 'abc' },
      isPinned: true
    },
    loadAverage: 0.1,
    versions: { roomcast: '0.1.0' },
    absent: { centrifugo: 'no centrifugo on the PATH' },
    runs: runs === undefined ? {} : { [workload.name]: runs }
  }
}

t.test('a row has its target, everybody, how often Roomcast holds the peer, and the verdict', async (t) => {
  const results = resultsOf({
    roomcast: runsOf(2_700_000, 2_800_000, 2_900_000),
    socketio: runsOf(70_000, 70_000, 70_000),
    'c-joined-write': runsOf(2_500_000)
  })
  const text = renderReport(all, results)
  t.match(text, '| workload | asked | Roomcast | Socket.IO | C, 32 frames a write | met |')
  t.match(text, '| 2.80 M/s ± 4 % | 70 k/s ± 0 %, × 40 | 2.50 M/s, × 1.1 | yes |')
  t.match(text, 'centrifugo took no part: no centrifugo on the PATH.')
  t.match(text, '2 × Test, 4 GB')
})

t.test('what does not count is in parentheses, is explained, and meets nothing', async (t) => {
  const results = resultsOf({ roomcast: runsOf(2_800_000), socketio: runsOf(50_000, 90_000) })
  const text = renderReport(all, results)
  t.match(text, '| (70 k/s ± 29 %) | – |')
  t.match(text, '- room-1000-128, Socket.IO: spread 57 %.')
})

t.test('a target is met only where all of it is', async (t) => {
  const of = (roomcast: number, c?: number) =>
    isMet(
      workload,
      all,
      resultsOf({
        roomcast: runsOf(roomcast),
        socketio: runsOf(10),
        ...(c !== undefined && { 'c-joined-write': runsOf(c) })
      })
    )
  t.equal(of(400, 400), true)
  t.equal(of(399, 300), false, 'too few for Socket.IO')
  t.equal(of(500, 501), false, 'under the loop in C')
  t.equal(of(500), undefined, 'no loop in C to compare with')
  t.match(renderReport(all, resultsOf(undefined)), '| not run |')
})

t.test('three digits are enough', async (t) => {
  const seen = [1_234_567, 54_321, 123].map((value) => renderValue(value, 'deliveries/s'))
  t.same(seen, ['1.23 M/s', '54.3 k/s', '123/s'])
  t.same(
    [renderValue(1.2345, 'ms'), renderValue(1234.5, 'ms'), renderValue(Number.NaN, 's')],
    ['1.23 ms', '1235 ms', '–']
  )
  t.equal(renderValue(2.5, '% of a core'), '2.5 %')
})

t.test('the table goes between the marks of a document, and nowhere else', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-test-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = path.join(folder, 'document.md')
  const [begin, end] = ['<!-- the table of npm run bench begins -->', '<!-- the table of npm run bench ends -->']
  await writeFile(file, `before\n${begin}\nold\n${end}\nafter\n`)
  await writeBetweenMarks(file, 'new')
  t.equal(await readFile(file, 'utf8'), `before\n${begin}\n\nnew\n\n${end}\nafter\n`)
  await writeFile(file, 'no marks')
  await t.rejects(writeBetweenMarks(file, 'new'), { message: /no place for the table/ })
})

t.test('a part joins what was measured before of the same commit on the same machine', async (t) => {
  const older = { ...resultsOf({ roomcast: runsOf(1), socketio: runsOf(2) }), commands: ['npm run bench'] }
  const part = { ...older, commands: ['npm run bench -- --only latency'], runs: { latency: { roomcast: runsOf(3) } } }
  const joined = joinResults(older, part)
  t.same(Object.keys(joined.runs), [workload.name, 'latency'])
  t.equal(joined.commands.length, 2)
  const elsewhere = { ...part, machine: { ...part.machine, commit: 'def' } }
  t.same(joinResults(older, elsewhere), elsewhere)
})
