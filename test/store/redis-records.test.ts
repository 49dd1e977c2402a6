import t from 'tap'
import { startRedis } from '../support/redis-server.js'
import { testCursors } from './cursors-contract.js'
import { testGroups } from './groups-contract.js'
import { testRemovals } from './removals-contract.js'
import { testSessions } from './sessions-contract.js'
import { type CreateStore, storeOnRedis } from './store-under-test.js'

const server = await startRedis(t)
const createStore: CreateStore = (t, ttls) => storeOnRedis(t, server.url, ttls)

t.test('cursors', async (t) => testCursors(t, createStore))
t.test('sessions', async (t) => testSessions(t, createStore))
t.test('groups', async (t) => testGroups(t, createStore))
t.test('removals', async (t) => testRemovals(t, createStore))
