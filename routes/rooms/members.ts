import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { MemberList, MembersQueryString, RoomParams } from '../../src/http/schemas.js'

const members: FastifyPluginAsyncTypebox = async (fastify) => {
  const schema = { params: RoomParams, querystring: MembersQueryString, response: { 200: MemberList } }
  fastify.get('/:room/members', { config: { scope: 'read' }, schema }, async ({ params, query }) => {
    return await fastify.rooms.members(params.room, query)
  })
}

export default members
