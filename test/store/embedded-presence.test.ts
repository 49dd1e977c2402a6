import t from 'tap'
import { EmbeddedPresence } from '../../src/store/embedded/embedded-presence.js'
import { EmbeddedRecords, MemoryRecordBacking } from '../../src/store/embedded/embedded-records.js'
import { ManualClock } from '../support/manual-clock.js'
import { membership, testPresence } from './presence-contract.js'

const TTL_MS = 60_000

function presenceOn(clock: ManualClock): EmbeddedPresence {
  return new EmbeddedPresence(() => clock.now(), new EmbeddedRecords(new MemoryRecordBacking(), clock), TTL_MS)
}

testPresence(t, async () => {
  const clock = new ManualClock()
  return { presence: presenceOn(clock), now: clock.now }
})

t.test('one who comes back has the time of its return', async (t) => {
  const clock = new ManualClock()
  const presence = presenceOn(clock)
  await presence.join([membership('lobby', 'ann', 'c1')])
  clock.advance(1000)
  await presence.join([membership('lobby', 'ann', 'c2')])
  await presence.leave([membership('lobby', 'ann', 'c1')])
  const joinedAt = async () => (await presence.members('lobby', { limit: 1 })).members[0]?.joinedAt
  t.equal(await joinedAt(), clock.now() - 1000, 'it never left')
  await presence.leave([membership('lobby', 'ann', 'c2')])
  await presence.join([membership('lobby', 'ann', 'c3')])
  t.equal(await joinedAt(), clock.now())
})
