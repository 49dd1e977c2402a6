import { RoomcastError } from '../errors.js'

/**
 * Runs a function that the application gave. What it throws refuses: a `RoomcastError` is told to the client as it is,
 * anything else is reported and `internal`.
 */
export async function runHook<T>(hook: () => T | Promise<T>, onError: (error: unknown) => void): Promise<T> {
  try {
    return await hook()
  } catch (error) {
    if (error instanceof RoomcastError) throw error
    onError(error)
    throw new RoomcastError('internal', { cause: error })
  }
}
