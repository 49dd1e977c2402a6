import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { encodeContent } from '../../src/http/content.js'
import { messageIdOf } from '../../src/http/idempotency.js'
import { DirectBody, DirectPublished, IdempotencyHeaders, NamedUserParams } from '../../src/http/schemas.js'

const messages: FastifyPluginAsyncTypebox = async (fastify) => {
  const schema = {
    params: NamedUserParams,
    headers: IdempotencyHeaders,
    body: DirectBody,
    response: { 200: DirectPublished, 201: DirectPublished }
  }
  fastify.post('/:user/messages', { config: { scope: 'publish' }, schema }, async (request, reply) => {
    const { body, params, headers } = request
    const { published, online } = await fastify.inbox.send({
      to: params.user,
      from: body.from ?? null,
      content: encodeContent(body.content, fastify.config.MAX_MESSAGE_BYTES),
      messageId: request.nameMessage(messageIdOf(body.message_id, headers['idempotency-key']))
    })
    reply.code(published.duplicate ? 200 : 201)
    return { user_id: params.user, ...published, online }
  })
}

export default messages
