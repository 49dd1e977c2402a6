/** What Redis answers where it is there and does not serve, and how that is told: without its text, which may name keys. */
const reasonByPrefix: ReadonlyArray<readonly [prefix: string, reason: string]> = [
  ['NOAUTH', 'Redis refuses the credentials'],
  ['WRONGPASS', 'Redis refuses the credentials'],
  ['ERR Client sent AUTH', 'Redis refuses the credentials'],
  ['ERR invalid password', 'Redis refuses the credentials'],
  ['NOPERM', 'Redis does not allow a command or a key'],
  ['OOM', 'Redis is out of memory'],
  ['MISCONF', 'Redis cannot write to its disk'],
  ['READONLY', 'Redis is a replica that takes no writes'],
  ['NOREPLICAS', 'Redis has too few replicas'],
  ['MASTERDOWN', 'Redis is a replica without its master'],
  ['LOADING', 'Redis is loading its data'],
  ['BUSY', 'Redis is busy with a script'],
  ['ERR max number of clients reached', 'Redis takes no more connections']
]

/** Why Redis serves nobody at present; undefined for an error of another kind. */
export function refusalOf(error: unknown): string | undefined {
  const { message = '' } = (error ?? {}) as { message?: string }
  // Applications choose channels of their own: that one is not theirs is no fault of the store.
  if (message.startsWith('NOPERM') && message.includes('channels')) return undefined
  return reasonByPrefix.find(([prefix]) => message.startsWith(prefix))?.[1]
}

/** Why a Sentinel is of no use, from what ioredis tells of it: without its text, which names addresses. */
export function sentinelTroubleOf(error: unknown): string {
  const { message = '' } = (error ?? {}) as { message?: string }
  if (/invalid reply|No such master/.test(message)) return 'Sentinel does not know the master'
  const isRefused = /because (NOAUTH|WRONGPASS|NOPERM)/.test(message)
  return isRefused ? 'Sentinel refuses the credentials' : 'Sentinel does not answer'
}

/** Whether it says no more than that no Sentinel was of use. */
export function isOfAllSentinels(error: unknown): boolean {
  return ((error ?? {}) as { message?: string }).message?.startsWith('All sentinels are unreachable') === true
}

/** Of a certificate that is not to be trusted, or of a listener that does not speak TLS; in the words of Node. */
const tlsCodes: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE'
])

/** Whether nothing but another setting helps: no waiting, and no other connection. */
export function isMisconfigured(error: unknown): boolean {
  const { message = '', code = '' } = (error ?? {}) as { message?: string; code?: string }
  return refusalOf(error) === 'Redis refuses the credentials' || isStranger(message) || tlsCodes.has(code)
}

/** Something listens there, and it is no Redis. */
function isStranger(message: string): boolean {
  return message.startsWith('Protocol error') || message.startsWith('Unknown RESP type')
}
