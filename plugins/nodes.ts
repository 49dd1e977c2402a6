import fp from 'fastify-plugin'
import { RetryQueue } from '../src/presence/retry-queue.js'
import type { LeaseLoss } from '../src/store/nodes.js'

/** Enters the cluster, once everything that a lost lease concerns is there. */
export default fp(
  async (fastify) => {
    const { pool, rooms, sessions, store, users, reportFailure } = fastify
    const lost = new RetryQueue(fastify.clock, reportFailure)
    fastify.addHook('onClose', async () => lost.close())
    const listener = {
      onDeparture: rooms.onDeparture.bind(rooms),
      onLeaseLost: (loss: LeaseLoss) => {
        void lost.run('lease', async () => {
          // First: who is on another node by now is not written into the presence again.
          await sessions.reclaimAll(loss)
          await rooms.rejoinAll(loss)
          await users.reconnectAll()
        })
      }
    }
    await store.nodes.start(listener, () => pool.size)
  },
  { name: 'nodes', dependencies: ['clock', 'store', 'rooms', 'sessions', 'users', 'connections', 'counters'] }
)
