import { storeUnavailable } from '../errors.js'

/** Clients are promised an answer within three seconds (protocol.md 2.8). */
const DEADLINE_MS = 2500

/**
 * Gives every failure of a store the one name that callers know, and its callers an answer in time: where none came,
 * the outcome is unknown.
 */
export async function answered<T>(reply: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), DEADLINE_MS)
  })
  try {
    return await Promise.race([reply, deadline])
  } catch (error) {
    throw storeUnavailable(error)
  } finally {
    clearTimeout(timer)
  }
}
