import { setTimeout } from 'node:timers/promises'

/** Asks again and again until the answer is right; gives it, or throws once `deadlineMs` is over. */
export async function until<T>(
  ask: () => T | Promise<T>,
  isRight: (answer: T) => boolean = Boolean,
  deadlineMs = 20_000
): Promise<T> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const answer = await ask()
    if (isRight(answer)) return answer
    if (performance.now() > end) throw new Error(`still ${JSON.stringify(answer)} after ${deadlineMs} ms`)
    await setTimeout(20)
  }
}
