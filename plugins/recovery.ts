import fp from 'fastify-plugin'
import { Recovery } from '../src/recovery/recovery.js'
import type { LeaseLoss } from '../src/store/nodes.js'

declare module 'fastify' {
  interface FastifyInstance {
    recovery: Recovery
  }
}

export default fp(
  async (fastify) => {
    const { counters, clock, feeds, messageBus, pool, revocations, rooms, sessions, store, users, reportFailure } =
      fastify
    const recovery = new Recovery({
      store,
      clock,
      holdings: [
        // First: who is on another node by now is not written into the presence again.
        (loss) => sessions.reclaimAll(loss),
        (loss) => rooms.rejoinAll(loss),
        () => users.reconnectAll(),
        () => feeds.reopenAll()
      ],
      hearing: {
        resubscribe: async () => {
          await store.streams.resubscribe()
          await messageBus.hearMissing()
        },
        catchUp: async () => {
          // Whatever is revoked from here on is heard.
          await revocations.load()
          await messageBus.catchUp()
        }
      },
      onDown: (reason) => {
        counters.storeOutages++
        fastify.log.warn({ reason }, 'the store is away')
      },
      onWhole: (durationMs) => {
        counters.recoveries++
        counters.recoveryMs += durationMs
        fastify.log.info({ durationMs }, 'the store serves')
      },
      onError: reportFailure
    })
    fastify.decorate('recovery', recovery)
    const onDeparture = rooms.onDeparture.bind(rooms)
    const onLeaseLost = (loss: LeaseLoss) => {
      sessions.onLeaseLost(loss)
      recovery.onLeaseLost(loss)
    }
    await store.nodes.start({ onDeparture, onLeaseLost }, () => pool.size)
    fastify.addHook('onReady', () => recovery.start())
  },
  {
    name: 'recovery',
    dependencies: [
      'clock',
      'store',
      'message-bus',
      'revocations',
      'rooms',
      'users',
      'sessions',
      'inbox',
      'connections',
      'counters'
    ]
  }
)
