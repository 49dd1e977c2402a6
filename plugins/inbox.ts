import fp from 'fastify-plugin'
import { DeviceFeeds } from '../src/inbox/device-feeds.js'
import { InboxRegistry } from '../src/inbox/inbox-registry.js'

declare module 'fastify' {
  interface FastifyInstance {
    feeds: DeviceFeeds
    inbox: InboxRegistry
  }
}

export default fp(
  async (fastify) => {
    const { config, store, messageBus: channels, publisher } = fastify
    const { streams, cursors, presence } = store
    const retention = { size: config.INBOX_SIZE, ttlMs: config.INBOX_TTL * 1000 }
    const feeds = new DeviceFeeds({ streams, cursors, channels, retention, clock: fastify.clock })
    fastify.decorate('feeds', feeds)
    fastify.decorate('inbox', new InboxRegistry({ publisher, feeds, presence, retention }))
  },
  { name: 'inbox', dependencies: ['clock', 'message-bus', 'publisher'] }
)
