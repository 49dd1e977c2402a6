import t from 'tap'
import { Hearing } from './hearing.js'
import { judgeRoom, type Loss } from './oracle.js'
import type { Sent } from './publisher.js'
import type { RoomHistory, Stored } from './room-history.js'

const message = (offset: number, epoch = 'e', message_id = `m${offset}`) => ({ epoch, offset, message_id })

function historyOf(stored: readonly Stored[], top = stored.at(-1)?.offset ?? 0): RoomHistory {
  const byOffset = new Map(stored.map((one) => [one.offset, one]))
  return { top, stored: byOffset, oldest: Math.min(top + 1, ...byOffset.keys()) }
}

/** A member that joined at the beginning, after what happened to it. */
function member(happen: (hearing: Hearing) => void): Hearing {
  const hearing = new Hearing('a')
  hearing.begin({ epoch: 'e', offset: 0 })
  happen(hearing)
  return hearing
}

/** A member that heard these messages. */
const hears = (...messages: Stored[]) =>
  member((hearing) => {
    for (const one of messages) hearing.message(one)
  })

interface Judged {
  readonly sent?: readonly Sent[]
  readonly mayLose?: Loss
  readonly top?: number
}

/** The invariants that are broken. */
function judge(stored: readonly Stored[], hearing: Hearing, { sent = [], mayLose = 'nothing', top }: Judged = {}) {
  const { faults } = judgeRoom(historyOf(stored, top), { sent, hearings: [hearing], mayLose })
  return faults.map((fault) => /I\d+/.exec(fault)?.[0])
}

const acknowledged = (id: string, offset: number, epoch = 'e'): Sent => ({ id, room: 'r', place: { epoch, offset } })

t.test('who heard everything in order, or was told what is gone, is content', async (t) => {
  const all = [message(1), message(2), message(3)]
  t.strictSame(judge(all, hears(...all)), [])
  t.strictSame(
    judge(
      all,
      member((a) => {
        a.message(message(1))
        a.gap({ epoch: 'e', from: 2, to: 2 })
        a.message(message(3))
      })
    ),
    [],
    'a gap'
  )
  t.strictSame(
    judge(
      [message(1), message(2, 'f', 'n2')],
      member((a) => {
        a.message(message(1))
        a.message(message(2))
        a.reset({ epoch: 'f', offset: 1 })
        a.message(message(2, 'f', 'n2'))
      })
    ),
    [],
    'a reset'
  )
  t.strictSame(
    judge([message(1), message(2, 'f')], hears(message(1), message(2, 'f'))),
    [],
    'a fork below which nobody stood'
  )
  t.strictSame(
    judge(
      [message(1, 'f', 'n1'), message(2, 'f', 'n2')],
      member((a) => {
        a.message(message(1))
        a.back({ recovered: 'reset', epoch: 'f', offset: 2 })
        a.message(message(1, 'f', 'n1'))
        a.message(message(2, 'f', 'n2'))
      })
    ),
    [],
    'back after the history was lost'
  )
  t.strictSame(
    judge(
      [message(3)],
      member((a) => {
        a.message(message(1))
        a.back({ recovered: 'gap', epoch: 'e', gap: { from: 2, to: 2 } })
        a.message(message(3))
      })
    ),
    [],
    'back after the trimming'
  )
  t.strictSame(judge([message(1), message(2)], hears(message(1), message(2), message(1), message(2))), [], 'repeats')
})

t.test('I1: what was neither heard nor told is found', async (t) => {
  t.strictSame(judge([message(1), message(2)], hears(message(1))), ['I1'])
  t.strictSame(judge([message(1, 'f', 'n1')], hears(message(1))), ['I1'], 'another one stands there now')
  t.strictSame(judge([message(1)], hears(message(1), message(2))), ['I1'], 'what it heard is lost')
  t.strictSame(
    judge(
      [message(1)],
      member((a) => {
        a.message(message(1))
        a.gap({ epoch: 'e', from: 3, to: 3 })
      })
    ),
    ['I1'],
    'a gap that leaves something out'
  )
  t.strictSame(
    judge(
      [message(1)],
      member((a) => {
        a.message(message(1))
        a.reset({ epoch: 'e', offset: 5 })
      })
    ),
    ['I1'],
    'a reset ahead of it'
  )
})

t.test('I1: an acknowledged message that is stored no more is allowed only where the row says so', async (t) => {
  const sent = [acknowledged('m1', 1), acknowledged('m2', 2)]
  const stored = [message(1)]
  t.strictSame(judge(stored, hears(message(1)), { sent }), ['I1'])
  t.strictSame(
    judge(stored, hears(message(1)), { sent, mayLose: 'trimmed' }),
    ['I1'],
    'not trimmed: it is not the oldest'
  )
  t.strictSame(judge(stored, hears(message(1)), { sent, mayLose: 'rolled back' }), [])
  const rest = [message(2)]
  t.strictSame(judge(rest, hears(message(1), message(2)), { sent, mayLose: 'trimmed', top: 2 }), [])
  t.equal(judgeRoom(historyOf(rest), { sent, hearings: [], mayLose: 'trimmed' }).lost, 1)
})

t.test('I2 and I3: a hole, and two messages at one place, are found', async (t) => {
  t.match(judge([message(1), message(2), message(3)], hears(message(1), message(3))), ['I2', 'I1'])
  t.strictSame(judge([message(1)], hears(message(1), message(1, 'e', 'other'))), ['I3'])
  t.strictSame(judge([message(1)], hears(message(1), message(1, 'f'))), ['I3'])
})

t.test('I5: a message that is stored twice, or elsewhere than acknowledged, is found', async (t) => {
  const twice = [message(1), message(2, 'e', 'm1')]
  t.strictSame(judge(twice, hears(...twice), { sent: [acknowledged('m1', 1)] }), ['I5'])
  t.strictSame(judge([message(1)], hears(message(1)), { sent: [acknowledged('m1', 2)] }), ['I5'])
  t.strictSame(judge([message(1)], hears(message(1)), { sent: [acknowledged('m1', 1, 'f')] }), ['I5'])
})

t.test('I10: a come-back that is answered by nothing of the three is found', async (t) => {
  t.strictSame(
    judge(
      [],
      member((a) => a.back({ recovered: 'none' }))
    ),
    ['I10']
  )
})
