import type { FaultRow } from '../rig/row.js'
import { stopRedis } from '../rig/stopped-redis.js'

const row: FaultRow = {
  number: 'F7',
  fault: 'Redis is frozen for 60 s',
  ci: false,
  deadlineMs: 180_000,
  run: (rig) => stopRedis(rig, 60_000)
}

export default row
