/**
 * Lets what one owner asks for under one key begin in the order in which it was asked for, also where some of it has to
 * be checked first.
 */
export class StartOrder {
  /** The last that has not begun yet, by owner and key. */
  readonly #tails = new WeakMap<object, Map<string, Promise<void>>>()

  /** Begins once `check` has resolved and everything before has begun or failed. Rejects as either does. */
  async run<T>(
    owner: object,
    key: string,
    { check, begin }: { check: Promise<unknown> | undefined; begin: () => Promise<T> }
  ): Promise<T> {
    const tails = this.#tails.get(owner) ?? new Map<string, Promise<void>>()
    const before = tails.get(key)
    if (before === undefined && check === undefined) return await begin()
    this.#tails.set(owner, tails)
    const running = this.#afterBoth(before, check, begin)
    // Resolves one step after `begin` was called: whoever finds no tail any more comes later.
    const begun = running.then(
      () => {},
      () => {}
    )
    tails.set(key, begun)
    void begun.then(() => {
      if (tails.get(key) === begun) tails.delete(key)
    })
    const { outcome } = await running
    return await outcome
  }

  /** The outcome is wrapped: what was begun is not waited for. */
  async #afterBoth<T>(
    before: Promise<void> | undefined,
    check: Promise<unknown> | undefined,
    begin: () => Promise<T>
  ): Promise<{ outcome: Promise<T> }> {
    await Promise.all([before, check])
    return { outcome: begin() }
  }
}
