import type { FaultRow } from '../rig/row.js'
import { stopRedis } from '../rig/stopped-redis.js'

const row: FaultRow = {
  number: 'F7',
  fault: 'Redis is frozen for 10 s',
  ci: false,
  run: (rig) => stopRedis(rig, 10_000)
}

export default row
