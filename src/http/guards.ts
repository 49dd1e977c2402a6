import { isLoopback } from '../config.js'
import { RoomcastError } from '../errors.js'

/** The name in a `Host` header, without its port; undefined where it is no valid one. */
export function hostName(header: string | undefined): string | undefined {
  try {
    return header === undefined ? undefined : new URL(`http://${header}`).hostname
  } catch {
    return undefined
  }
}

/**
 * Refuses requests that name another host than this machine: a web page whose name was made to point here could do
 * everything otherwise (DNS rebinding, protocol.md 2.9). Throws `forbidden`.
 */
export function checkLoopbackHost(header: string | undefined): void {
  if (header !== undefined && header === lastGood) return
  const name = hostName(header)
  if (name === undefined || !isLoopback(name)) {
    throw new RoomcastError('forbidden', { message: 'This server answers only to loopback names, such as localhost' })
  }
  lastGood = header
}

/** As a rule all requests name the same one. */
let lastGood: string | undefined

/**
 * Whether a web page of this origin may connect: one of the allowed ones, exactly, or, with none configured, the page
 * of the very host it connects to. No origin means no browser. Throws `forbidden`.
 */
export function checkOrigin(origin: string | undefined, host: string | undefined, allowed: readonly string[]): void {
  if (origin === undefined) return
  const fits = allowed.length > 0 ? allowed.includes(origin) : isOriginOf(origin, host)
  if (!fits) throw new RoomcastError('forbidden', { message: 'Connections from this origin are not allowed' })
}

function isOriginOf(origin: string, host: string | undefined): boolean {
  try {
    const { protocol, host: originHost } = new URL(origin)
    if (protocol !== 'http:' && protocol !== 'https:') return false
    // The same scheme on both sides makes default ports vanish on both.
    return host !== undefined && originHost === new URL(`${protocol}//${host}`).host
  } catch {
    return false
  }
}
