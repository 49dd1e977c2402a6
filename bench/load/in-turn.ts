/** Does `task` for 0 to `count` - 1, a limited number side by side; gives the results in order. Rejects with the first. */
export async function inTurn<T>(count: number, width: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results = new Array<T>(count)
  let next = 0
  const work = async () => {
    while (next < count) {
      const index = next++
      results[index] = await task(index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, count) }, work))
  return results
}
