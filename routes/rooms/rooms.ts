import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ROOMS_LIMIT_DEFAULT, RoomCounts, RoomList, RoomParams, RoomState, RoomsQuery } from '../../src/http/schemas.js'

const rooms: FastifyPluginAsyncTypebox = async (fastify) => {
  const { rooms } = fastify
  const config = { scope: 'read' } as const

  fastify.get('', { config, schema: { querystring: RoomsQuery, response: { 200: RoomList } } }, async ({ query }) => {
    const { prefix = '', limit = ROOMS_LIMIT_DEFAULT, cursor } = query
    const page = await rooms.list({ prefix, limit, cursor })
    return {
      rooms: page.rooms.map(({ room, users, connections }) => ({ room, online_count: users, connections })),
      next_cursor: page.nextCursor ?? null
    }
  })

  fastify.get(
    '/:room',
    { config, schema: { params: RoomParams, response: { 200: RoomState } } },
    async ({ params }) => {
      const { room } = params
      const [{ users, connections }, top] = await Promise.all([rooms.counts(room), rooms.top(room)])
      return { room, online_count: users, connections, epoch: top?.epoch ?? null, offset: top?.offset ?? 0 }
    }
  )

  fastify.get(
    '/:room/online',
    { config, schema: { params: RoomParams, response: { 200: RoomCounts } } },
    async ({ params: { room } }) => {
      const { users, connections } = await rooms.counts(room)
      return { room, online_count: users, connections }
    }
  )
}

export default rooms
