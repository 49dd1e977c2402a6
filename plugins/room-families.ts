import fp from 'fastify-plugin'
import { RoomFamilies } from '../src/rooms/room-families.js'
import type { RoomFamily } from '../src/rooms/room-family.js'
import { loadRoomFamilies } from '../src/rooms-module.js'

declare module 'fastify' {
  interface FastifyInstance {
    roomFamilies: RoomFamilies
  }
}

export interface RoomFamiliesPluginOptions {
  /** Families of rooms; the first that fits a room's name is the room's. Those of `ROOMS_MODULE` come after them. */
  readonly rooms?: readonly RoomFamily[]
}

export default fp<RoomFamiliesPluginOptions>(
  async (fastify, { rooms = [] }) => {
    const { ROOMS_MODULE, HISTORY_SIZE, HISTORY_TTL, BATCH_DELAY_MS: batchDelayMs } = fastify.config
    const more = ROOMS_MODULE === undefined ? [] : await loadRoomFamilies(ROOMS_MODULE)
    const retention = { size: HISTORY_SIZE, ttlMs: HISTORY_TTL * 1000 }
    fastify.decorate('roomFamilies', new RoomFamilies([...rooms, ...more], { retention, batchDelayMs }))
  },
  { name: 'room-families', dependencies: ['config'] }
)
