import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { RoomcastError } from '../../src/errors.js'
import { encodeContent } from '../../src/http/content.js'
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
      content: encodeContent(body.content, bytesMax),
      userId: body.user_id ?? null,
      messageId: messageIdOf(body.message_id, headers['idempotency-key']),
      exclude: body.exclude
    })
    return reply.code(published.duplicate ? 200 : 201).send(published)
  })
}

/** The header serves as `message_id`; both may be given if they agree. */
function messageIdOf(messageId: string | undefined, header: string | undefined): string | undefined {
  if (messageId !== undefined && header !== undefined && messageId !== header) {
    throw new RoomcastError('invalid_message', { message: 'Idempotency-Key: differs from message_id' })
  }
  return messageId ?? header
}

export default messages
