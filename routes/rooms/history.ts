import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { History, HistoryQueryString, Nothing, RoomParams } from '../../src/http/schemas.js'
import { refuseBoth } from '../../src/protocol/codec.js'
import { encodeHistory } from '../../src/protocol/replies.js'

const history: FastifyPluginAsyncTypebox = async (fastify) => {
  const schema = { params: RoomParams, querystring: HistoryQueryString, response: { 200: History } }
  fastify.get('/:room/history', { config: { scope: 'read' }, schema }, async ({ params, query }, reply) => {
    refuseBoth(query, 'after', 'before')
    const page = await fastify.rooms.history(params.room, query)
    // Encoded already; Fastify sends text as it is.
    reply.type('application/json; charset=utf-8')
    return encodeHistory(page) as never
  })

  const purgeSchema = { params: RoomParams, response: { 204: Nothing } }
  fastify.delete('/:room/history', { config: { scope: 'admin' }, schema: purgeSchema }, async ({ params }, reply) => {
    await fastify.rooms.purge(params.room)
    reply.code(204)
    return null
  })
}

export default history
