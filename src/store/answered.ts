import { storeUnavailable } from '../errors.js'

/** Gives every failure of a store the one name that callers know; its outcome may be unknown. */
export async function answered<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply
  } catch (error) {
    throw storeUnavailable(error)
  }
}
