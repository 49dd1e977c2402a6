import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  Closed,
  MembersQueryString,
  NamedUserParams,
  OnlineBody,
  OnlineUsers,
  UserGroupList,
  UserParams,
  UserState
} from '../../src/http/schemas.js'
import { MEMBERS_LIMIT_DEFAULT } from '../../src/protocol/commands.js'
import { formatTime } from '../../src/protocol/pushes.js'

const users: FastifyPluginAsyncTypebox = async (fastify) => {
  const { groups, removals, store, users } = fastify
  const config = { scope: 'read' } as const

  fastify.get(
    '/:user',
    { config, schema: { params: UserParams, response: { 200: UserState } } },
    async ({ params }) => {
      const { connections, lastSeen } = await users.state(params.user)
      const last_seen = lastSeen === undefined ? null : formatTime(lastSeen)
      return { user_id: params.user, online: connections > 0, connections, last_seen }
    }
  )

  fastify.post(
    '/online',
    { config, schema: { body: OnlineBody, response: { 200: OnlineUsers } } },
    async ({ body }) => {
      const connections = await store.presence.connections(body.user_ids)
      return {
        online: Object.fromEntries(body.user_ids.map((userId, index) => [userId, (connections[index] ?? 0) > 0]))
      }
    }
  )

  fastify.delete(
    '/:user/connections',
    { config: { scope: 'admin' }, schema: { params: UserParams, response: { 200: Closed } } },
    async ({ params }) => ({ closed: await removals.disconnect(params.user) })
  )

  fastify.get(
    '/:user/groups',
    { config, schema: { params: NamedUserParams, querystring: MembersQueryString, response: { 200: UserGroupList } } },
    async ({ params, query }) => {
      return await groups.groupsOf(params.user, { limit: query.limit ?? MEMBERS_LIMIT_DEFAULT, cursor: query.cursor })
    }
  )
}

export default users
