import type { Rig } from './rig.js'

export type Invariant = `I${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14}`

/** One fault of the catalogue, what is done to bring it about and what has to hold all the same. */
export interface FaultRow {
  /** As the catalogue counts it. Variants of one fault share it. */
  readonly number: `F${number}`
  readonly fault: string
  /** Part of CI: short enough, and always in time. */
  readonly ci: boolean
  /** Longer than this it may not take. */
  readonly deadlineMs?: number
  /** Brings the fault about and judges. Throws where an invariant breaks. What it starts ends with the rig's scope. */
  run(rig: Rig): Promise<Seen>
}

export interface Seen {
  /** What happened, in a few words with figures. */
  readonly seen: string
  readonly held: readonly Invariant[]
  /** From the end of the fault until everything was as before. */
  readonly recoveryMs?: number
}
