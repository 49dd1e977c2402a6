import { RoomcastError, storeUnavailable } from '../errors.js'

/** Gives every failure of a store the one name that callers know. */
export async function answered<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply
  } catch (error) {
    throw error instanceof RoomcastError ? error : storeUnavailable(error)
  }
}
