import { fitsPattern, type Pattern, parsePattern } from './pattern.js'

export const operations = ['join', 'publish', 'signal', 'history', 'members', 'direct'] as const
/** What a client may be allowed to do (protocol.md 2.7). */
export type Operation = (typeof operations)[number]

/** What it may be allowed to do that with; a pattern is held against `kind:id`. */
export type ResourceKind = 'room' | 'group' | 'user'

/** A set of operations: a bit for each. */
export type OperationSet = number

const bits = Object.fromEntries(operations.map((operation, index) => [operation, 1 << index])) as {
  readonly [O in Operation]: number
}
const ALL: OperationSet = (1 << operations.length) - 1
const NONE: OperationSet = 0

export function includes(set: OperationSet, operation: Operation): boolean {
  return (set & bits[operation]) !== 0
}

interface Rule {
  readonly pattern: Pattern
  readonly granted: OperationSet
}

/** What somebody may do, by patterns. Rights only add up. */
export class Capabilities {
  readonly #rules: readonly Rule[]

  /** `value` is an object from pattern to a list of operations. Throws an `Error` that says what of it is wrong. */
  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Error('expected an object from pattern to a list of operations')
    }
    this.#rules = Object.entries(value).map(([pattern, list]) => {
      return { pattern: parsePattern(pattern), granted: operationSet(pattern, list) }
    })
  }

  /** What all the patterns that it fits grant together. */
  on(kind: ResourceKind, id: string): OperationSet {
    const name = `${kind}:${id}`
    let granted = NONE
    for (const rule of this.#rules) {
      if ((granted | rule.granted) !== granted && fitsPattern(rule.pattern, name)) granted |= rule.granted
    }
    return granted
  }
}

/** As `new Capabilities`, from JSON. */
export function parseCapabilities(text: string): Capabilities {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error('not valid JSON')
  }
  return new Capabilities(value)
}

function operationSet(pattern: string, list: unknown): OperationSet {
  if (!Array.isArray(list)) throw new Error(`${JSON.stringify(pattern)}: expected a list of operations`)
  let granted = NONE
  for (const name of list) {
    const known = operations.find((operation) => operation === name)
    if (known === undefined && name !== '*') {
      throw new Error(`${JSON.stringify(pattern)}: there are the operations ${operations.join(', ')} and *`)
    }
    granted |= known === undefined ? ALL : bits[known]
  }
  return granted
}
