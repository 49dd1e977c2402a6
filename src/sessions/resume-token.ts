import { hash } from 'node:crypto'
import type { Random } from '../random.js'

const TOKEN_BYTES = 32

/** A secret that brings a session back; 256 bits that nobody can guess, in base64url. */
export function newToken(random: Random): string {
  return random.bytes(TOKEN_BYTES).toString('base64url')
}

/** SHA-256 in hex: all of a token that is kept. */
export function hashOf(token: string): string {
  return hash('sha256', token, 'hex')
}
