/** Time as the client sees it; tests put a hand-driven one in its place. */
export interface Clock {
  /** Runs `task` once after `delayMs`, unless the returned function is called first. */
  after(delayMs: number, task: () => void): () => void
}

/** Longest delay that timers take; longer ones would fire at once. */
const delayMsMax = 2_147_483_647

export const systemClock: Clock = {
  after(delayMs, task) {
    const timer = setTimeout(task, Math.min(delayMs, delayMsMax))
    return () => clearTimeout(timer)
  }
}
