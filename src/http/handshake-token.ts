import type { IncomingHttpHeaders } from 'node:http'

const BEARER_PROTOCOL = 'bearer.'

/**
 * The token that a handshake brings: in `Authorization`, or for browsers in the list of subprotocols, after one that the
 * server may select (protocol.md 2.7). Empty where there is one of no valid form; undefined where there is none.
 */
export function handshakeToken(
  headers: IncomingHttpHeaders,
  isOurs: (protocol: string) => boolean
): string | undefined {
  return bearerToken(headers.authorization) ?? protocolToken(headers['sec-websocket-protocol'], isOurs)
}

/** Other schemes are for others, a proxy for instance. */
function bearerToken(header: string | undefined): string | undefined {
  if (header === undefined || !/^bearer\b/i.test(header)) return undefined
  return /^bearer (\S+)$/i.exec(header)?.[1] ?? ''
}

function protocolToken(header: string | undefined, isOurs: (protocol: string) => boolean): string | undefined {
  const offered = (header ?? '').split(',').map((name) => name.trim())
  const first = offered.findIndex(isOurs)
  const entry = first === -1 ? undefined : offered.slice(first + 1).find((name) => name.startsWith(BEARER_PROTOCOL))
  return entry?.slice(BEARER_PROTOCOL.length)
}
