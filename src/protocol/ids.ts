import { FormatRegistry, Type } from '@sinclair/typebox'

const ID_BYTES_MAX = 128
/** The server's own users; nobody else may go by such a name. */
export const ANONYMOUS_PREFIX = 'anonymous:'
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/

/** Room, group, user and message ids (protocol.md, section 1). */
export function isId(text: string): boolean {
  if (text.length === 0 || text === '.' || text === '..') return false
  return fitsBytes(text, ID_BYTES_MAX) && !controlCharacter.test(text) && text.isWellFormed()
}

/** Whether a text has at most so many bytes in UTF-8. */
export function fitsBytes(text: string, bytesMax: number): boolean {
  // A unit of UTF-16 has three bytes at most.
  return text.length * 3 <= bytesMax || (text.length <= bytesMax && Buffer.byteLength(text) <= bytesMax)
}

/** The device of a connection that names none. */
export const DEFAULT_DEVICE = 'default'

/** The user of a connection that named none. */
export function anonymousUser(connectionId: string): string {
  return `${ANONYMOUS_PREFIX}${connectionId}`
}

/** A user id that a client or a backend may give. */
export function isNamedUser(text: string): boolean {
  return isId(text) && !text.startsWith(ANONYMOUS_PREFIX)
}

const ID_FORMAT = 'roomcast-id'
const NAMED_USER_FORMAT = 'roomcast-user'
FormatRegistry.Set(ID_FORMAT, isId)
FormatRegistry.Set(NAMED_USER_FORMAT, isNamedUser)

/** Whether a schema's format is one of ours: what breaks it is `invalid_id`. */
export function isIdFormat(format: unknown): boolean {
  return format === ID_FORMAT || format === NAMED_USER_FORMAT
}

export const Id = Type.String({ format: ID_FORMAT, description: '1 to 128 bytes of UTF-8, no control characters' })
/** A user who is not anonymous. */
export const NamedUser = Type.String({ format: NAMED_USER_FORMAT, description: 'user id, 1 to 128 bytes of UTF-8' })
