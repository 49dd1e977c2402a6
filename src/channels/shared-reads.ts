/** Reads that are under way: whoever asks for the same in the meantime gets the same answer. */
export class SharedReads<T> {
  readonly #underWay = new Map<string, Promise<T>>()

  get size(): number {
    return this.#underWay.size
  }

  /** The answer that others wait for; undefined where nobody has asked for the same. */
  underWay(key: string): Promise<T> | undefined {
    return this.#underWay.get(key)
  }

  share(key: string, read: () => Promise<T>): Promise<T> {
    const shared = this.#underWay.get(key)
    if (shared !== undefined) return shared
    const reading = read().finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, reading)
    return reading
  }
}
