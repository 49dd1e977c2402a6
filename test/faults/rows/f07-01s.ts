import type { FaultRow } from '../rig/row.js'
import { stopRedis } from '../rig/stopped-redis.js'

const row: FaultRow = {
  number: 'F7',
  fault: 'Redis is frozen for 1 s',
  ci: false,
  run: (rig) => stopRedis(rig, 1000)
}

export default row
