import { type ErrorCode, errorTable } from '../errors.js'
import { CloseCode } from '../protocol/close-codes.js'
import { type Resource, resources } from './allowance.js'

/** Whose limit it is. */
export const holders = ['connection', 'user', 'address'] as const
export type Holder = (typeof holders)[number]

/** Operations that cost more than others do, and have a rate of their own. */
export const operations = ['authenticate', 'join', 'read'] as const
export type Operation = (typeof operations)[number]

/** Which limit a message was over: the label of a metric. */
export type LimitReason = `${Holder}_${Resource}` | `connection_${Operation}`

/** What this node refused, and whom it closed, by reasons that no client can choose. Only ever grows. */
export class Refusals {
  /** Messages of clients, by the code of their error. */
  readonly commands = zeros(Object.keys(errorTable) as ErrorCode[])
  /** Those over a rate, by whose and of what. */
  readonly limits = zeros<LimitReason>([
    ...holders.flatMap((holder) => resources.map((resource) => `${holder}_${resource}` as const)),
    ...operations.map((operation) => `connection_${operation}` as const)
  ])
  /** Calls of backends, and handshakes, by the code of their error. */
  readonly requests = zeros(Object.keys(errorTable) as ErrorCode[])
  /** Connections that this side closed, by the code's name. */
  readonly closes = zeros(Object.keys(CloseCode) as CloseName[])

  onClose(code: CloseCode): void {
    const name = nameOf.get(code)
    if (name !== undefined) this.closes[name]++
  }
}

export type CloseName = keyof typeof CloseCode

const nameOf: ReadonlyMap<number, CloseName> = new Map(
  Object.entries(CloseCode).map(([name, code]) => [code, name as CloseName])
)

function zeros<K extends string>(names: readonly K[]): Record<K, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>
}
