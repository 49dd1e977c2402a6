import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { MemberList, MembersQueryString, Nothing, RoomMemberParams, RoomParams } from '../../src/http/schemas.js'

const members: FastifyPluginAsyncTypebox = async (fastify) => {
  const schema = { params: RoomParams, querystring: MembersQueryString, response: { 200: MemberList } }
  fastify.get('/:room/members', { config: { scope: 'read' }, schema }, async ({ params, query }) => {
    return await fastify.rooms.members(params.room, query)
  })

  const kickSchema = { params: RoomMemberParams, response: { 204: Nothing } }
  fastify.delete('/:room/members/:user', { config: { scope: 'admin' }, schema: kickSchema }, async (request, reply) => {
    const { room, user } = request.params
    await fastify.removals.kick(room, user)
    reply.code(204)
    return null
  })
}

export default members
