/**
 * Why a connection was closed. 4000 to 4499: reconnect and resume. 4500 to 4999: do not reconnect unchanged
 * (protocol.md 2.9).
 */
export const CloseCode = {
  Restarting: 1012,
  UnsupportedData: 1003,
  FrameTooLarge: 1009,
  Internal: 1011,
  NoSignOfLife: 4000,
  Unauthenticated: 4001,
  RateLimitBroken: 4002,
  Shed: 4003,
  TooManyMalformed: 4500,
  Disconnected: 4501,
  SessionTakenOver: 4502
} as const
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode]

/** The peer, or this side, has ended it for good: nothing is kept for a return (protocol.md 2.4). */
export function isCleanClose(code: number): boolean {
  return code === 1000 || code === 1005 || (code >= 4500 && code <= 4502)
}

/** Tells the peer in words; at most 123 bytes, and never anything of the inside. */
export const closeReasons: Record<CloseCode, string> = {
  [CloseCode.Restarting]: 'server is restarting',
  [CloseCode.UnsupportedData]: 'binary frames are not supported',
  [CloseCode.FrameTooLarge]: 'frame is too large',
  [CloseCode.Internal]: 'internal error',
  [CloseCode.NoSignOfLife]: 'no sign of life',
  [CloseCode.Unauthenticated]: 'not authenticated in time, or the token expired',
  [CloseCode.RateLimitBroken]: 'rate limit broken again and again',
  [CloseCode.Shed]: 'the node is overloaded',
  [CloseCode.TooManyMalformed]: 'too many malformed messages',
  [CloseCode.Disconnected]: 'disconnected by the backend',
  [CloseCode.SessionTakenOver]: 'session taken over by a newer connection'
}
