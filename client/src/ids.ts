import { RoomcastClientError } from './errors.js'

const ID_BYTES_MAX = 128
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what an id may not have
const controls = /[\u0000-\u001f\u007f-\u009f]/

/** A UUID. `crypto.randomUUID` is missing where a page came over plain HTTP from another host. */
export function newId(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID()
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes.set([((bytes[6] ?? 0) & 0x0f) | 0x40], 6)
  bytes.set([((bytes[8] ?? 0) & 0x3f) | 0x80], 8)
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/**
 * Throws `invalid_id`. For ids that stand in the address: the server would refuse the handshake, and nobody could
 * tell that from a server that is away.
 */
export function checkId(name: string, id: string): void {
  const bytes = new TextEncoder().encode(id).length
  const isValid = bytes >= 1 && bytes <= ID_BYTES_MAX && !controls.test(id) && id !== '.' && id !== '..'
  if (!isValid) throw new RoomcastClientError('invalid_id', `${name}: not a valid id`)
}

export function checkUserId(id: string): void {
  checkId('userId', id)
  if (id.startsWith('anonymous:')) {
    throw new RoomcastClientError('invalid_id', 'userId: names that begin with anonymous: are the server’s own')
  }
}
