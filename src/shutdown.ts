/** Ctrl-C and `npm start` deliver one signal twice; only what comes later than this is meant as another. */
const SAME_SIGNAL_MS = 2000

export interface ShutdownSteps {
  /** Begins the orderly end. */
  begin(): void
  /** Somebody is in a hurry. */
  hurry(): void
}

/** Runs `begin` on the first SIGTERM or SIGINT, and `hurry` on one that comes two seconds later or more. */
export function onShutdownSignals({ begin, hurry }: ShutdownSteps): void {
  let firstAt: number | undefined
  const onSignal = () => {
    const now = performance.now()
    if (firstAt === undefined) {
      firstAt = now
      begin()
    } else if (now - firstAt >= SAME_SIGNAL_MS) {
      hurry()
    }
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}
