import { partitionOf } from './keys.js'

/** Ids of one partition each, which one script may touch together, in pages that do not hold Redis up. Each id once. */
export function* pagesByPartition(ids: readonly string[], size: number): Iterable<string[]> {
  const groups = new Map<number, Set<string>>()
  for (const id of ids) {
    const partition = partitionOf(id)
    groups.set(partition, (groups.get(partition) ?? new Set()).add(id))
  }
  for (const group of groups.values()) {
    const members = [...group]
    for (let start = 0; start < members.length; start += size) yield members.slice(start, start + size)
  }
}
