import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { encodeContent } from '../../src/http/content.js'
import { messageIdOf } from '../../src/http/idempotency.js'
import { IdempotencyHeaders, PublishBody, Published, RoomParams } from '../../src/http/schemas.js'

const messages: FastifyPluginAsyncTypebox = async (fastify) => {
  const bytesMax = fastify.config.MAX_MESSAGE_BYTES
  const schema = {
    params: RoomParams,
    headers: IdempotencyHeaders,
    body: PublishBody,
    response: { 200: Published, 201: Published }
  }
  fastify.post('/:room/messages', { config: { scope: 'publish' }, schema }, async (request, reply) => {
    const { body, params, headers } = request
    const published = await fastify.rooms.publish({
      room: params.room,
      type: fastify.rooms.families.typeNamed(body.type),
      content: encodeContent(body.content, bytesMax),
      userId: body.user_id ?? null,
      messageId: request.nameMessage(messageIdOf(body.message_id, headers['idempotency-key'])),
      exclude: body.exclude
    })
    reply.code(published.duplicate ? 200 : 201)
    return published
  })
}

export default messages
