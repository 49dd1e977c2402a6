import type { TokenGrant } from './grant.js'

export interface TokenVerifier {
  /**
   * What a token grants from now on. Rejects with `unauthenticated` for one that is not valid now, and with
   * `store_unavailable` where the keys cannot be had in time. Nothing that a token says is believed, or followed, before
   * its signature was found to be right.
   */
  verify(token: string): Promise<TokenGrant>
}
