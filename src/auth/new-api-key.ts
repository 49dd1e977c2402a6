import { hash } from 'node:crypto'
import type { Random } from '../random.js'
import type { Scope } from './api-keys.js'

/** Tells whoever finds one in a file what it is. */
const PREFIX = 'roomcast_'
const KEY_BYTES = 32

export interface NewApiKey {
  /** For the backend; 256 bits that nobody can guess. */
  readonly key: string
  /** What `API_KEYS` is given: the hash, from which nobody finds the key. */
  readonly entry: string
}

/** Makes a key of a backend, for all scopes where none are given. */
export function newApiKey(random: Pick<Random, 'bytes'>, scopes: readonly Scope[] = []): NewApiKey {
  const key = `${PREFIX}${random.bytes(KEY_BYTES).toString('base64url')}`
  const hashed = `sha256:${hash('sha256', key, 'hex')}`
  return { key, entry: scopes.length === 0 ? hashed : `${scopes.join('+')}:${hashed}` }
}
