import type { Contestant, Running } from '../contestants/contestant.js'
import { readVitals, resetVitals, type Vitals } from '../processes/vitals.js'

/** What is seen in the server while it is measured; nothing where it does not tell. */
export function watchVitals(contestant: Contestant, { child }: Running) {
  let vitals: Promise<Vitals> | undefined
  return {
    onPhase: (phase: string) => {
      if (contestant.tellsVitals && phase === 'measuring') resetVitals(child)
      if (!contestant.tellsVitals || phase !== 'measured') return
      vitals = readVitals(child)
      // Whoever reads is told; where the run has failed before that, nobody reads.
      vitals.catch(() => {})
    },
    read: async (measureMs: number): Promise<Record<string, number>> => {
      const read = await vitals
      if (read === undefined) return {}
      const { gcMs, loopDelayP99Ms, loopDelayMaxMs } = read
      return { gcPercent: (gcMs / measureMs) * 100, loopDelayP99Ms, loopDelayMaxMs }
    }
  }
}
