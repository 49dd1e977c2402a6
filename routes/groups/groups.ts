import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { GroupMemberList, GroupMemberParams, GroupParams, MembersQueryString, Nothing } from '../../src/http/schemas.js'
import { MEMBERS_LIMIT_DEFAULT } from '../../src/protocol/commands.js'

const groups: FastifyPluginAsyncTypebox = async (fastify) => {
  const { groups } = fastify
  const admin = { config: { scope: 'admin' } } as const
  const memberSchema = { params: GroupMemberParams, response: { 204: Nothing } }

  fastify.put('/:group/members/:user', { ...admin, schema: memberSchema }, async ({ params }, reply) => {
    await groups.add(params.group, params.user)
    reply.code(204)
    return null
  })

  fastify.delete('/:group/members/:user', { ...admin, schema: memberSchema }, async ({ params }, reply) => {
    await groups.remove(params.group, params.user)
    reply.code(204)
    return null
  })

  const groupSchema = { params: GroupParams, response: { 204: Nothing } }
  fastify.delete('/:group', { ...admin, schema: groupSchema }, async ({ params }, reply) => {
    await groups.delete(params.group)
    reply.code(204)
    return null
  })

  const listSchema = { params: GroupParams, querystring: MembersQueryString, response: { 200: GroupMemberList } }
  const read = { config: { scope: 'read' } } as const
  fastify.get('/:group/members', { ...read, schema: listSchema }, async ({ params, query }) => {
    return await groups.members(params.group, { limit: query.limit ?? MEMBERS_LIMIT_DEFAULT, cursor: query.cursor })
  })
}

export default groups
