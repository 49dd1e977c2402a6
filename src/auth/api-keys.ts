import { createHash, timingSafeEqual } from 'node:crypto'

export const scopes = ['publish', 'read', 'admin'] as const
/** What a backend may do: send messages, read them and who is there, change users and rooms. */
export type Scope = (typeof scopes)[number]

export interface ApiKey {
  /** SHA-256 of the key: enough for keys that are random. */
  readonly digest: Buffer
  readonly scopes: ReadonlySet<Scope>
}

/**
 * `KEY`, `scope+scope:KEY`, with `sha256:HEX` for a key; comma separated. Throws an `Error` that does not repeat the
 * key, for a key that is there twice, too. Undefined gives an empty list.
 */
export function parseApiKeys(list: string | undefined): ApiKey[] {
  const keys = (list ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map(parseApiKey)
  refuseTwins(keys)
  return keys
}

/** The key that was given, where it is one of ours. Takes the same time whichever it is. */
export function findApiKey(keys: readonly ApiKey[], given: string): ApiKey | undefined {
  const digest = sha256(given)
  let found: ApiKey | undefined
  for (const key of keys) if (timingSafeEqual(key.digest, digest)) found = key
  return found
}

function parseApiKey(item: string, index: number): ApiKey {
  const [, scopeList, hash, key] =
    /^(?:([a-z+]+):)??(?:sha256:([0-9a-fA-F]{64})|([A-Za-z0-9_-]{16,}))$/.exec(item) ?? []
  if (hash === undefined && key === undefined) {
    throw new Error(`entry ${index + 1} is not KEY, scope+scope:KEY or sha256:HEX with a key of 16 or more letters`)
  }
  const digest = hash === undefined ? sha256(key ?? '') : Buffer.from(hash, 'hex')
  return { digest, scopes: new Set(parseScopes(scopeList, index)) }
}

/** Only one of them could be found, and its scopes are not those of the other. */
function refuseTwins(keys: readonly ApiKey[]): void {
  const places = new Map<string, number>()
  for (const [index, { digest }] of keys.entries()) {
    const former = places.get(digest.toString('hex'))
    if (former !== undefined) throw new Error(`entry ${index + 1} has the key of entry ${former + 1}`)
    places.set(digest.toString('hex'), index)
  }
}

function parseScopes(list: string | undefined, index: number): readonly Scope[] {
  if (list === undefined) return scopes
  return list.split('+').map((name) => {
    const scope = scopes.find((known) => known === name)
    if (scope === undefined) throw new Error(`entry ${index + 1} has an unknown scope; there are ${scopes.join(', ')}`)
    return scope
  })
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
