import { type Capabilities, includes, type Operation, type OperationSet, type ResourceKind } from './capabilities.js'

/** What a connection may do for the time being. */
export interface Grant {
  /** Whose it is; null where the grant does not say. */
  readonly userId: string | null
  /** `jti` of its token. */
  readonly tokenId: string | undefined
  /** Milliseconds since 1970. */
  readonly issuedAt: number | undefined
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  allows(operation: Operation, kind: ResourceKind, id: string): boolean
}

/** Of every connection in open mode. */
export const everything: Grant = Object.freeze({
  userId: null,
  tokenId: undefined,
  issuedAt: undefined,
  expiresAt: Number.POSITIVE_INFINITY,
  allows: () => true
})

export interface TokenGrantOptions {
  readonly userId: string
  readonly tokenId?: string | undefined
  readonly issuedAt?: number | undefined
  readonly expiresAt: number
  readonly capabilities: Capabilities
}

/** What a token grants to one connection. */
export class TokenGrant implements Grant {
  readonly userId: string
  readonly tokenId: string | undefined
  readonly issuedAt: number | undefined
  readonly expiresAt: number
  readonly #capabilities: Capabilities
  // A connection mostly speaks to the same room as before: the patterns are not gone through for each message.
  #kind: ResourceKind | undefined
  #id = ''
  #granted: OperationSet = 0

  constructor(token: TokenGrantOptions) {
    this.userId = token.userId
    this.tokenId = token.tokenId
    this.issuedAt = token.issuedAt
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
