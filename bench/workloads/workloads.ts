import { acknowledgedPublish } from './acknowledged-publish.js'
import { compression } from './compression.js'
import { crowds } from './crowd.js'
import { growth } from './growth.js'
import { idleCpu } from './idle-cpu.js'
import { idleMemory } from './idle-memory.js'
import { jitter } from './jitter.js'
import { latency } from './latency.js'
import { manyRooms } from './many-rooms.js'
import { nodeToNode } from './node-to-node.js'
import { oneRoom } from './one-room.js'
import { storms } from './storm.js'
import type { Workload } from './workload.js'

/** In the order of the table, in which they also run: some use what an earlier one has measured. */
export const workloads: readonly Workload[] = [
  oneRoom({ members: 1000, inFlight: 4, timesSocketIo: 5 }),
  oneRoom({ members: 1000, inFlight: 32, timesSocketIo: 15 }),
  oneRoom({ members: 1000, inFlight: 128, timesSocketIo: 40, notUnderC: true }),
  oneRoom({ members: 100, inFlight: 4, timesSocketIo: 2 }),
  manyRooms,
  latency,
  idleMemory,
  ...compression,
  ...acknowledgedPublish,
  nodeToNode,
  ...storms,
  ...crowds,
  jitter,
  idleCpu,
  growth
]
