import { createHmac } from 'node:crypto'
import { type CryptoKey, type JWTPayload, type KeyObject, SignJWT } from 'jose'

/** Enough bytes for every HMAC. */
export const SECRET = 'a-secret-of-sixty-four-bytes-that-is-good-for-each-of-the-hashes'

export interface SigningOptions {
  readonly key?: CryptoKey | KeyObject | Uint8Array
  readonly alg?: string
  /** Besides `alg`. */
  readonly header?: object
}

/** A token as an identity server makes it; with `SECRET` unless told otherwise. */
export async function signToken(claims: JWTPayload, options: SigningOptions = {}): Promise<string> {
  const { key = Buffer.from(SECRET), alg = 'HS256', header = {} } = options
  return await new SignJWT(claims).setProtectedHeader({ ...header, alg }).sign(key)
}

/** A token that nobody would make who means well: header and claims as they are, signed by `sign` or not at all. */
export function forgeToken(header: object, claims: unknown, sign: (input: string) => string = () => ''): string {
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${sign(input)}`
}

export function hmac(hash: string, key: string | Buffer): (input: string) => string {
  return (input) => createHmac(hash, key).update(input).digest('base64url')
}

/** Seconds since 1970. */
export function seconds(timeMs: number): number {
  return Math.floor(timeMs / 1000)
}
