import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { CursorState, Inbox, InboxAckBody, InboxQueryString, NamedUserParams } from '../../src/http/schemas.js'
import { DEFAULT_DEVICE } from '../../src/protocol/ids.js'
import { encodeHistory } from '../../src/protocol/replies.js'

const inbox: FastifyPluginAsyncTypebox = async (fastify) => {
  const readSchema = { params: NamedUserParams, querystring: InboxQueryString, response: { 200: Inbox } }
  fastify.get('/:user/inbox', { config: { scope: 'read' }, schema: readSchema }, async ({ params, query }, reply) => {
    const { device_id: deviceId = DEFAULT_DEVICE, after, limit } = query
    const page = await fastify.inbox.read({ userId: params.user, deviceId, after, limit })
    reply.type('application/json; charset=utf-8')
    return encodeHistory(page) as never
  })

  const ackSchema = { params: NamedUserParams, body: InboxAckBody, response: { 200: CursorState } }
  fastify.post('/:user/inbox/ack', { config: { scope: 'admin' }, schema: ackSchema }, async ({ params, body }) => {
    const { device_id: deviceId = DEFAULT_DEVICE, offset, epoch } = body
    return await fastify.inbox.acknowledgeFor({ userId: params.user, deviceId }, { offset, epoch })
  })
}

export default inbox
