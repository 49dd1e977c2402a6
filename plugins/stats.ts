import fp from 'fastify-plugin'
import { Stats } from '../src/stats/stats.js'

declare module 'fastify' {
  interface FastifyInstance {
    stats: Stats
  }
}

/** How often one line sums the node up in the log. */
const LOG_PERIOD_MS = 30_000

export default fp(
  async (fastify) => {
    const { config, counters, pool, rooms, store } = fastify
    const stats = new Stats({
      nodeId: store.nodes.nodeId,
      clock: fastify.clock,
      counters,
      gauges: () => ({ connectionCount: pool.size, userCount: pool.userCount, roomCount: rooms.localSize }),
      intervalMs: config.STATS_INTERVAL * 1000,
      samplesMax: config.STATS_HISTORY
    })
    const stopLogging = fastify.clock.every(LOG_PERIOD_MS, () => fastify.log.info(stats.now(), 'monitor'))
    fastify.decorate('stats', stats)
    fastify.addHook('onClose', async () => {
      stopLogging()
      stats.close()
    })
  },
  { name: 'stats', dependencies: ['clock', 'rooms', 'connections', 'counters'] }
)
