/** What is done with one message: `store` is begun as soon as `check` lets it through. */
export interface PublishSteps<T> {
  readonly check?: (() => unknown) | undefined
  readonly store: () => Promise<T>
}

/** Keeps the publishes of one sender to one channel in order where a check that takes its time comes before the storing. */
export class PublishOrder {
  readonly #tails = new WeakMap<object, Map<string, Promise<void>>>()

  /**
   * Checks after everything that the sender has under way for the channel was checked and its storing was begun, or had
   * failed; without a check, and with nothing under way, stores at once. Rejects as the steps do.
   */
  async run<T>(sender: object, channel: string, { check, store }: PublishSteps<T>): Promise<T> {
    const tails = this.#tails.get(sender) ?? new Map<string, Promise<void>>()
    if (check === undefined && !tails.has(channel)) return await store()
    this.#tails.set(sender, tails)
    const begun = (tails.get(channel) ?? Promise.resolve()).then(check).then(() => ({ storing: store() }))
    const tail = begun.then(ignore, ignore).then(() => {
      if (tails.get(channel) === tail) tails.delete(channel)
    })
    tails.set(channel, tail)
    return await (await begun).storing
  }
}

function ignore(): void {}
