/** A message of the room, as one client heard it. */
export interface Heard {
  readonly messageId: string
  readonly epoch: string
  readonly offset: number
}

/** What one client heard, and where it began. */
export interface Log {
  readonly name: string
  /** The top of the room at the join: what is heard begins right after it. */
  readonly joinedAt: number
  /** In the order it came. */
  readonly heard: readonly Heard[]
}

/**
 * The first thing that is wrong with the order, in words; undefined where all clients saw one sequence: offsets
 * without a hole, and the same message at the same position everywhere.
 */
export function findDisorder(logs: readonly Log[]): string | undefined {
  const messages = new Map<string, string>()
  for (const { name, joinedAt, heard } of logs) {
    let expected = joinedAt + 1
    for (const { epoch, offset, messageId } of heard) {
      if (offset !== expected) return `${name} heard offset ${offset} where ${expected} was due`
      const position = `${epoch} ${offset}`
      const known = messages.get(position) ?? messageId
      if (known !== messageId) return `${name} heard another message than the others at offset ${offset}`
      messages.set(position, messageId)
      expected++
    }
  }
  return undefined
}
