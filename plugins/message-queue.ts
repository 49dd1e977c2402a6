import fp from 'fastify-plugin'
import { Ingest } from '../src/queue/ingest.js'
import { builtInTypes } from '../src/queue/ingest-types.js'
import { MessageQueue } from '../src/queue/message-queue.js'

declare module 'fastify' {
  interface FastifyInstance {
    messageQueue: MessageQueue
    /** Undefined with the embedded store, to which no backend could write. */
    ingest: Ingest | undefined
  }
}

export default fp(
  async (fastify) => {
    const { broadcasts, clock, config, groups, inbox, rooms, store, reportFailure: onError } = fastify
    const messageQueue = new MessageQueue({
      pubSub: store.pubSub,
      reservedPrefix: `${config.REDIS_PREFIX}:{`,
      builtIn: builtInTypes({ rooms, inbox, groups, broadcasts, bytesMax: config.MAX_MESSAGE_BYTES }),
      onError
    })
    const typeOf = (type: string) => messageQueue.ingestTypeOf(type)
    const ingest = store.ingest && new Ingest({ log: store.ingest, clock, typeOf, onError })
    fastify.decorate('messageQueue', messageQueue)
    fastify.decorate('ingest', ingest)
    // Not before: an application's plugins have registered their handlers by then.
    fastify.addHook('onReady', async () => ingest?.start())
    fastify.addHook('onClose', async () => {
      messageQueue.close()
      await ingest?.close()
    })
  },
  {
    name: 'message-queue',
    dependencies: ['clock', 'config', 'store', 'counters', 'rooms', 'inbox', 'groups', 'broadcasts']
  }
)
