/** An invariant does not hold: the message begins with its number in faults.md. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** Throws `Violation` unless `holds`. */
export function hold(holds: boolean, message: string | (() => string)): asserts holds {
  if (!holds) throw new Violation(typeof message === 'string' ? message : message())
}
