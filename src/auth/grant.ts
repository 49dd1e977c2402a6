import { type Capabilities, includes, type Operation, type OperationSet, type ResourceKind } from './capabilities.js'

/** What a connection may do for the time being. */
export interface Grant {
  /** Whose it is; null where the grant does not say. */
  readonly userId: string | null
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  allows(operation: Operation, kind: ResourceKind, id: string): boolean
}

/** Of every connection in open mode. */
export const everything: Grant = Object.freeze({
  userId: null,
  expiresAt: Number.POSITIVE_INFINITY,
  allows: () => true
})

/** What a token grants to one connection. */
export class TokenGrant implements Grant {
  readonly userId: string
  readonly expiresAt: number
  readonly #capabilities: Capabilities
  // A connection mostly speaks to the same room as before: the patterns are not gone through for each message.
  #kind: ResourceKind | undefined
  #id = ''
  #granted: OperationSet = 0

  constructor(token: { readonly userId: string; readonly expiresAt: number; readonly capabilities: Capabilities }) {
    this.userId = token.userId
    this.expiresAt = token.expiresAt
    this.#capabilities = token.capabilities
  }

  allows(operation: Operation, kind: ResourceKind, id: string): boolean {
    if (id !== this.#id || kind !== this.#kind) {
      this.#granted = this.#capabilities.on(kind, id)
      this.#kind = kind
      this.#id = id
    }
    return includes(this.#granted, operation)
  }
}
