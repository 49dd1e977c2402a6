import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { Turn, type TurnWork } from '../../src/connections/turn.js'
import { fakeConnection } from '../support/fake-transport.js'

const answer = Buffer.from('answer')

/** Hands one message to each of its connections, `perPart` of them at a time. */
class Handing implements TurnWork {
  readonly #members: Array<ReturnType<typeof fakeConnection>>
  readonly #perPart: number

  constructor(members: ReadonlyArray<ReturnType<typeof fakeConnection>>, perPart: number) {
    this.#members = [...members]
    this.#perPart = perPart
  }

  endTurn(): boolean {
    for (const { connection } of this.#members.splice(0, this.#perPart)) {
      connection.outbox.pushPayload(Buffer.from('message'))
    }
    return this.#members.length > 0
  }
}

function setUp(count: number) {
  const turn = new Turn()
  const members = Array.from({ length: count }, () => fakeConnection({ turn }))
  /** How many have had something written. */
  const written = () => members.filter(({ transport }) => transport.writes > 0).length
  return { turn, members, written }
}

t.test('what a turn has for a connection is one write, also beside a message that goes out in parts', async (t) => {
  const { turn, members } = setUp(10)
  for (const { connection } of members) connection.outbox.pushPayload(answer)
  turn.fanOut(new Handing(members, 2))
  await nextTurn()
  for (const { transport } of members) {
    t.strictSame(transport.payloads, ['answer', 'message'])
    t.equal(transport.writes, 1)
  }
})

t.test(
  'members of one channel do not wait for each other, those of several have all they get in one write',
  async (t) => {
    const { turn, members, written } = setUp(10)
    const seen: number[] = []
    const handing = new Handing(members, 2)
    const watched: TurnWork = {
      endTurn() {
        seen.push(written())
        return handing.endTurn()
      }
    }
    turn.fanOut(watched)
    await nextTurn()
    t.strictSame(seen, [0, 2, 4, 6, 8])

    turn.fanOut(new Handing(members, 2))
    turn.fanOut(new Handing(members, 3))
    await nextTurn()
    for (const { transport } of members) t.equal(transport.writes, 2)
    t.equal(members[0]?.transport.payloads.length, 3)
  }
)

t.test('a work of many parts leaves the loop to others in between', async (t) => {
  const { turn, members, written } = setUp(50)
  turn.fanOut(new Handing(members, 1))
  const counts: number[] = []
  for (let turns = 0; turns < 3; turns++) {
    await nextTurn()
    counts.push(written())
  }
  t.strictSame(counts, [20, 40, 50])
})
