import { createPublicKey, type KeyObject } from 'node:crypto'

/** Signature algorithms of JWS (RFC 7518, RFC 8037) that a JWKS may have keys for: never a shared secret. */
export const asymmetricAlgorithms: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
]

/** A secret has to be at least as long as the hash that it is used with (RFC 7518, 3.2). */
const secretBytesMin = { HS256: 32, HS384: 48, HS512: 64 } as const
const RSA_BITS_MIN = 2048

const curveAlgorithms: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512'
}

/** A key with the only algorithms that it is ever used with, whatever a token says. */
export interface TokenKey<Key> {
  readonly key: Key
  readonly algorithms: readonly string[]
}

/** Throws an `Error` that does not repeat the secret. */
export function parseSecret(text: string): TokenKey<Uint8Array> {
  const key = Buffer.from(text)
  const fitting = Object.entries(secretBytesMin).filter(([, bytesMin]) => key.length >= bytesMin)
  if (fitting.length === 0) throw new Error(`needs ${secretBytesMin.HS256} bytes or more`)
  return { key, algorithms: fitting.map(([algorithm]) => algorithm) }
}

/** Reads a public key in PEM; `\n` may stand for its line breaks. Throws an `Error` that does not repeat it. */
export function parsePublicKey(text: string): TokenKey<KeyObject> {
  const pem = text.replaceAll('\\n', '\n')
  // Node would take a private key, too: one that is found here has been in the wrong hands.
  if (!/^\s*-----BEGIN (RSA )?PUBLIC KEY-----/.test(pem)) throw new Error('expected a public key in PEM')
  const key = readKey(pem)
  const algorithms = algorithmsOf(key)
  if (algorithms.length === 0) throw new Error('this kind of key is not supported')
  return { key, algorithms }
}

function readKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch {
    throw new Error('expected a public key in PEM')
  }
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string[] {
  if (asymmetricKeyType === 'ed25519') return ['EdDSA', 'Ed25519']
  if (asymmetricKeyType === 'ec') {
    const algorithm = curveAlgorithms[asymmetricKeyDetails?.namedCurve ?? '']
    return algorithm === undefined ? [] : [algorithm]
  }
  if (asymmetricKeyType !== 'rsa') return []
  if ((asymmetricKeyDetails?.modulusLength ?? 0) < RSA_BITS_MIN) {
    throw new Error(`an RSA key needs ${RSA_BITS_MIN} bits or more`)
  }
  return asymmetricAlgorithms.filter((algorithm) => /^[RP]S/.test(algorithm))
}
