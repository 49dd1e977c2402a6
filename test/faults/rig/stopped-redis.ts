import { freeze } from './freeze.js'
import type { Rig } from './rig.js'
import type { Seen } from './row.js'

/** The process of Redis stands still; its sockets stay open and take what fits into them. */
export async function stopRedis(rig: Rig, forMs: number): Promise<Seen> {
  return await freeze(rig, {
    forMs,
    begin: ({ redis }) => void redis.process.kill('SIGSTOP'),
    end: ({ redis }) => void redis.process.kill('SIGCONT')
  })
}
