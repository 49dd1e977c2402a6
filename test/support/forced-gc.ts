import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Runs the collector until nothing is left of `target`, or after some rounds: true where nothing is left. */
export async function isCollected(target: WeakRef<object>): Promise<boolean> {
  for (let round = 0; round < 20; round++) {
    // What a turn has looked at lives to its end.
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    if (target.deref() === undefined) return true
  }
  return false
}

/** Bytes of the heap that something still holds. */
export function usedHeap(): number {
  for (let round = 0; round < 3; round++) collect()
  return process.memoryUsage().heapUsed
}
