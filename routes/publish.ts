import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { RoomcastError } from '../src/errors.js'
import { encodeContent } from '../src/http/content.js'
import { BatchBody, BatchItem, BatchResults, BroadcastAccepted, BroadcastBody } from '../src/http/schemas.js'
import { createValidator } from '../src/protocol/validation.js'

const BATCH_BYTES_MAX = 4_194_304
const ONE_TARGET = 'expected exactly one of room and user'
const TYPE_OF_ROOM = 'type: only together with room'
const validateItem = createValidator(BatchItem)

const publish: FastifyPluginAsyncTypebox = async (fastify) => {
  const { broadcasts, config, inbox, rooms, reportFailure } = fastify
  const bytesMax = config.MAX_MESSAGE_BYTES
  const scope = { config: { scope: 'publish' } } as const

  const broadcastSchema = { body: BroadcastBody, response: { 202: BroadcastAccepted } }
  fastify.post('/broadcast', { ...scope, schema: broadcastSchema }, async ({ body }, reply) => {
    const content = encodeContent(body.content, bytesMax)
    const sent = await broadcasts.send({ content, messageId: body.message_id, exclude: body.exclude })
    return reply.code(202).send(sent)
  })

  const batchSchema = { body: BatchBody, response: { 200: BatchResults } }
  fastify.post('/publish', { ...scope, bodyLimit: BATCH_BYTES_MAX, schema: batchSchema }, async ({ body }) => {
    // Begun in order: what goes to one room is stored in the order of the items.
    const batch = {}
    return { results: await Promise.all(body.items.map((item) => publishItem(item, batch))) }
  })

  async function publishItem(item: unknown, batch: object): Promise<object> {
    try {
      const { room, user, type, content: value, user_id: userId = null, message_id: messageId } = validateItem(item)
      const content = encodeContent(value, bytesMax)
      if (room !== undefined && user === undefined) {
        return await rooms.publish({ room, type, content, userId, messageId, batch })
      }
      if (user === undefined || room !== undefined) throw new RoomcastError('invalid_message', { message: ONE_TARGET })
      if (type !== undefined) throw new RoomcastError('invalid_message', { message: TYPE_OF_ROOM })
      const { published, online } = await inbox.send({ to: user, from: userId, content, messageId })
      return { user_id: user, ...published, online }
    } catch (error) {
      if (!(error instanceof RoomcastError)) reportFailure(error)
      const { code, message, messageId } = error instanceof RoomcastError ? error : new RoomcastError('internal')
      return { code, message, message_id: messageId }
    }
  }
}

export default publish
