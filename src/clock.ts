/** Time as the server sees it; tests put a hand-driven one in its place. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  now(): number
  /** Whole milliseconds since some fixed moment. Never goes back. */
  monotonic(): number
  /** Runs `task` every `periodMs` until the returned function is called. Never keeps the process alive. */
  every(periodMs: number, task: () => void): () => void
  /** Runs `task` once after `delayMs`, unless the returned function is called first. Never keeps the process alive. */
  after(delayMs: number, task: () => void): () => void
}

/** Longest delay that Node's timers take; longer ones would fire at once. */
const delayMsMax = 2_147_483_647

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Math.floor(performance.now()),
  every(periodMs, task) {
    const timer = setInterval(task, Math.min(periodMs, delayMsMax)).unref()
    return () => clearInterval(timer)
  },
  after(delayMs, task) {
    const timer = setTimeout(task, Math.min(delayMs, delayMsMax)).unref()
    return () => clearTimeout(timer)
  }
}
