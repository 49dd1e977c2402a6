/** How safe an acknowledged message is (protocol.md 2.1). */
export type Durability = 'memory' | 'disk' | 'redis' | 'replicated'

/** The offsets from `from` to `to`, both inclusive. */
export interface OffsetRange {
  readonly from: number
  readonly to: number
}
