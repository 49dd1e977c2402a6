import t from 'tap'
import { testCursors } from './cursors-contract.js'
import { testGroups } from './groups-contract.js'
import { testRemovals } from './removals-contract.js'
import { testSessions } from './sessions-contract.js'
import { storeInMemory, storeOnDisk } from './store-under-test.js'

for (const [where, createStore] of Object.entries({ 'in memory': storeInMemory, 'on disk': storeOnDisk })) {
  t.test(where, async (t) => {
    t.test('cursors', async (t) => testCursors(t, createStore))
    t.test('sessions', async (t) => testSessions(t, createStore))
    t.test('groups', async (t) => testGroups(t, createStore))
    t.test('removals', async (t) => testRemovals(t, createStore))
  })
}
