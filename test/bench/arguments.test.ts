import t from 'tap'
import { parseArguments } from '../../bench/arguments.js'
import { ArgumentError } from '../faults/support/arguments.js'

const workloads = ['room-1000-4', 'latency']
const parse = (text: string) => parseArguments(text === '' ? [] : text.split(' '), workloads)

t.test('a whole bench writes the documents, a part only where that is asked for', async (t) => {
  t.match(parse(''), { isQuick: false, only: [], runs: 3, seconds: 4, writesDocuments: true })
  t.match(parse('--quick'), { isQuick: true, runs: 1, seconds: 1, peers: ['socketio'], writesDocuments: false })
  t.match(parse('--only latency --write'), { only: ['latency'], writesDocuments: true })
})

t.test('names come with commas, or one by one', async (t) => {
  t.same(parse('--only latency,room-1000-4')?.only, ['latency', 'room-1000-4'])
  t.same(parse('--peer socketio --peer c')?.peers, ['socketio', 'c-write', 'c-joined-write'])
  t.same(parse('--peer none')?.peers, [])
})

t.test('wrong ones are refused in one line', async (t) => {
  for (const wrong of ['--only nothing', '--peer uws', '--runs 0', '--seconds x', '--fast', 'room-1000-4']) {
    try {
      parse(wrong)
      t.fail(wrong)
    } catch (error) {
      t.ok(error instanceof ArgumentError && !error.message.includes('\n'), wrong)
    }
  }
  t.equal(parse('--help'), undefined)
})
