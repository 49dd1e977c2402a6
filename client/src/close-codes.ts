/** Close codes that the client uses or looks at by name (protocol.md 2.9). */
export const CloseCode = {
  /** A goodbye: the session ends. */
  Normal: 1000,
  /** Of our own, for a connection that is given up: unlike 1000 it does not end the session. */
  GivenUp: 3000,
  SessionTakenOver: 4502
} as const

/** A frame that broke the protocol or its limits would break them again. */
const brokenCodes: ReadonlySet<number> = new Set([1002, 1003, 1007, 1009])

/** Whether a client must not come back unchanged. */
export function isFinal(code: number): boolean {
  return (code >= 4500 && code <= 4999) || brokenCodes.has(code)
}
