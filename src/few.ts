/**
 * None, one or more of something that is no Set itself. Nearly everybody has one of these: one costs nothing beyond the
 * place that it stands in, where a Set takes 150 bytes.
 */
export type Few<T> = T | Set<T> | undefined

/** What is there with `item` in it: put it in the place of `few`. */
export function withItem<T>(few: Few<T>, item: T): Few<T> {
  if (few === undefined) return item
  if (few instanceof Set) return few.add(item)
  return few === item ? few : new Set([few, item])
}

/** What is there without `item`: put it in the place of `few`. Undefined where nothing is left. */
export function withoutItem<T>(few: Few<T>, item: T): Few<T> {
  if (!(few instanceof Set)) return few === item ? undefined : few
  few.delete(item)
  return few.size > 1 ? few : [...few][0]
}

/** All of them, in the order in which they came. */
export function itemsOf<T>(few: Few<T>): Iterable<T> {
  if (few === undefined) return []
  return few instanceof Set ? few : [few]
}

export function sizeOf<T>(few: Few<T>): number {
  if (few === undefined) return 0
  return few instanceof Set ? few.size : 1
}

export function hasItem<T>(few: Few<T>, item: T): boolean {
  return few instanceof Set ? few.has(item) : few !== undefined && few === item
}

/** Files an item under a key. */
export function addTo<K, T>(index: Map<K, Few<T>>, key: K, item: T): void {
  const few = index.get(key)
  const more = withItem(few, item)
  if (more !== few) index.set(key, more)
}

/** Takes an item from under a key, and the key with the last of them. Idempotent. */
export function removeFrom<K, T>(index: Map<K, Few<T>>, key: K, item: T): void {
  const few = index.get(key)
  const rest = withoutItem(few, item)
  if (rest === undefined) index.delete(key)
  else if (rest !== few) index.set(key, rest)
}
