import fp from 'fastify-plugin'
import { FanOutBudget } from '../src/channels/fan-out-budget.js'
import { GroupRegistry } from '../src/groups/group-registry.js'
import { MemberFeeds } from '../src/groups/member-feeds.js'
import { RetryQueue } from '../src/presence/retry-queue.js'

declare module 'fastify' {
  interface FastifyInstance {
    groups: GroupRegistry
    memberFeeds: MemberFeeds
  }
}

export default fp(
  async (fastify) => {
    const { clock, random, config, control, feeds, limiter, messageBus, pool, publisher, store, reportFailure } =
      fastify
    const { groups, cursors, streams } = store
    const retries = new RetryQueue(clock, reportFailure)
    fastify.addHook('onClose', async () => retries.close())
    fastify.decorate('memberFeeds', new MemberFeeds({ groups, feeds, control, pool, retries }))
    const retention = { size: config.INBOX_SIZE, ttlMs: config.INBOX_TTL * 1000 }
    const groupsMax = config.MAX_GROUPS_PER_USER
    const fanOuts = new FanOutBudget(limiter, messageBus)
    fastify.decorate(
      'groups',
      new GroupRegistry({
        ...{ groups, cursors, streams, publisher, fanOuts, feeds },
        ...{ control, clock, random, retention, groupsMax }
      })
    )
  },
  { name: 'groups', dependencies: ['clock', 'random', 'control', 'inbox', 'publisher', 'connections', 'counters'] }
)
