import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'

/** Signature algorithms of JWS (RFC 7518, RFC 8037) that a JWKS may have keys for: never a shared secret. */
export const asymmetricAlgorithms: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
]

/** A shorter secret can be found by whoever has a token and tries (RFC 7518, 3.2). */
export const SECRET_BYTES_MIN = 32
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

/** A key for all algorithms with a shared secret. */
export function parseSecret(text: string): TokenKey<Uint8Array> {
  return { key: Buffer.from(text), algorithms: ['HS256', 'HS384', 'HS512'] }
}

/** Whether somebody with a token could find the secret by trying. */
export function isWeakSecret(text: string | undefined): boolean {
  return text !== undefined && Buffer.byteLength(text) < SECRET_BYTES_MIN
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

/** Reads a private key in PEM, to sign with. Throws an `Error` that does not repeat it. */
export function parsePrivateKey(pem: string): TokenKey<KeyObject> {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    throw new Error('expected a private key in PEM, without a passphrase')
  }
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
