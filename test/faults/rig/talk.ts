import type { TrafficOptions } from './traffic.js'

/** Two rooms with four members each, spread over the nodes, and 80 messages a second: what most rows break into. */
export function talk(urls: readonly string[], more: Partial<TrafficOptions> = {}): TrafficOptions {
  return { urls, rooms: ['a', 'b'], subscribersPerRoom: 4, publishersPerRoom: 2, perSecond: 20, ...more }
}

/** Every command is answered in this time, whatever the store does (protocol.md 2.8); and some for the way. */
export const ANSWER_MS_MAX = 3300
