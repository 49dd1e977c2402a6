import { RoomcastError } from '../errors.js'

/** The header serves as `message_id`; both may be given if they agree. Throws `invalid_message`. */
export function messageIdOf(messageId: string | undefined, header: string | undefined): string | undefined {
  if (messageId !== undefined && header !== undefined && messageId !== header) {
    throw new RoomcastError('invalid_message', { message: 'Idempotency-Key: differs from message_id' })
  }
  return messageId ?? header
}
