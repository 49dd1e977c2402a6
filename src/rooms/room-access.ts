import type { Connection } from '../connections/connection.js'
import { RoomcastError } from '../errors.js'
import { runHook } from './family-hook.js'
import type { RoomFamilies } from './room-families.js'
import type { RoomOperation } from './room-family.js'

/** Whom the families let do what in their rooms, on top of what each client's token grants. */
export class RoomAccess {
  readonly #families: RoomFamilies
  readonly #onError: (error: unknown) => void

  constructor(families: RoomFamilies, onError: (error: unknown) => void) {
    this.#families = families
    this.#onError = onError
  }

  /** Rejects with `forbidden`, or with what the family's `authorize` throws. */
  async check(userId: string | null, operation: RoomOperation, room: string): Promise<void> {
    const { rules, params } = this.#families.in(room)
    const { authorize } = rules
    if (authorize === undefined) return
    const allowed = await runHook(() => authorize({ operation, room, params, userId }), this.#onError)
    // Of JavaScript anything may come.
    if (allowed !== true) throw new RoomcastError('forbidden', { message: `This room does not let you ${operation}` })
  }

  /** Those that somebody may be in no longer, by the token or by their family. Rejects where a family fails. */
  async forbiddenOf({ grant }: Pick<Connection, 'grant'>, userId: string, rooms: readonly string[]): Promise<string[]> {
    const verdicts = await Promise.all(rooms.map((room) => this.#mayJoin(grant, userId, room)))
    return rooms.filter((_room, index) => !verdicts[index])
  }

  async #mayJoin(grant: Connection['grant'], userId: string, room: string): Promise<boolean> {
    if (grant?.allows('join', 'room', room) !== true) return false
    try {
      await this.check(userId, 'join', room)
      return true
    } catch (error) {
      if (error instanceof RoomcastError && error.code === 'forbidden') return false
      throw error
    }
  }
}
