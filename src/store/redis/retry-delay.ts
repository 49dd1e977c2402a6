/** Milliseconds to wait before the next attempt, counted from 1: it doubles up to a second, and differs for each. */
export function retryDelayMs(attempt: number): number {
  return Math.min(50 * 2 ** Math.min(attempt, 5), 1000) + Math.random() * 100
}
