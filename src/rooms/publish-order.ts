/** What is done with one message: `store` is begun as soon as `check` lets it through. */
export interface PublishSteps<T> {
  readonly check: () => unknown
  readonly store: () => Promise<T>
}

/** Keeps the publishes of one sender to one room in order where a check that takes its time comes before the storing. */
export class PublishOrder {
  readonly #tails = new WeakMap<object, Map<string, Promise<void>>>()

  /**
   * Checks after everything that the sender has under way for the room was checked and its storing was begun, or had
   * failed. Rejects as the steps do.
   */
  async run<T>(sender: object, room: string, { check, store }: PublishSteps<T>): Promise<T> {
    const tails = this.#tails.get(sender) ?? new Map<string, Promise<void>>()
    this.#tails.set(sender, tails)
    const begun = (tails.get(room) ?? Promise.resolve()).then(check).then(() => ({ storing: store() }))
    const tail = begun.then(ignore, ignore).then(() => {
      if (tails.get(room) === tail) tails.delete(room)
    })
    tails.set(room, tail)
    return await (await begun).storing
  }
}

function ignore(): void {}
