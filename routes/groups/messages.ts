import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { encodeContent } from '../../src/http/content.js'
import { messageIdOf } from '../../src/http/idempotency.js'
import {
  DirectBody,
  GroupHistory,
  GroupParams,
  GroupPublished,
  HistoryQueryString,
  IdempotencyHeaders
} from '../../src/http/schemas.js'
import { refuseBoth } from '../../src/protocol/codec.js'
import { encodeHistory } from '../../src/protocol/replies.js'

const messages: FastifyPluginAsyncTypebox = async (fastify) => {
  const { config, groups } = fastify

  const publishSchema = {
    params: GroupParams,
    headers: IdempotencyHeaders,
    body: DirectBody,
    response: { 200: GroupPublished, 201: GroupPublished }
  }
  fastify.post('/:group/messages', { config: { scope: 'publish' }, schema: publishSchema }, async (request, reply) => {
    const { body, params, headers } = request
    const published = await groups.publish({
      group: params.group,
      from: body.from ?? null,
      content: encodeContent(body.content, config.MAX_MESSAGE_BYTES),
      messageId: request.nameMessage(messageIdOf(body.message_id, headers['idempotency-key']))
    })
    reply.code(published.duplicate ? 200 : 201)
    return published
  })

  const historySchema = { params: GroupParams, querystring: HistoryQueryString, response: { 200: GroupHistory } }
  fastify.get('/:group/history', { config: { scope: 'read' }, schema: historySchema }, async (request, reply) => {
    const { params, query } = request
    refuseBoth(query, 'after', 'before')
    const page = await groups.history(params.group, query)
    reply.type('application/json; charset=utf-8')
    return encodeHistory(page) as never
  })
}

export default messages
