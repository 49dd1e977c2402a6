/** To be looked at only. */
export type ReadonlyFewMap<K, V> = Pick<FewMap<K, V>, 'get' | 'keys' | 'size'> & Iterable<[K, V]>

/**
 * A Map for what nearly always has one entry: the first costs no table, where the smallest Map has one of 170 bytes.
 * Entries come in the order in which their keys did.
 */
export class FewMap<K, V> implements Iterable<[K, V]> {
  #first: { readonly key: K; readonly value: V } | undefined
  #more: Map<K, V> | undefined

  get size(): number {
    return this.#more?.size ?? (this.#first === undefined ? 0 : 1)
  }

  get(key: K): V | undefined {
    if (this.#more !== undefined) return this.#more.get(key)
    return this.#first?.key === key ? this.#first.value : undefined
  }

  set(key: K, value: V): this {
    if (this.#more === undefined && (this.#first === undefined || this.#first.key === key)) this.#first = { key, value }
    else this.#table().set(key, value)
    return this
  }

  /** Tells whether it was there. */
  delete(key: K): boolean {
    if (this.#more !== undefined) return this.#more.delete(key)
    const wasThere = this.#first?.key === key
    if (wasThere) this.#first = undefined
    return wasThere
  }

  *[Symbol.iterator](): IterableIterator<[K, V]> {
    if (this.#more !== undefined) yield* this.#more
    else if (this.#first !== undefined) yield [this.#first.key, this.#first.value]
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this) yield key
  }

  /** Once there were two the table stays: who had two may have two again. */
  #table(): Map<K, V> {
    this.#more ??= new Map(this)
    this.#first = undefined
    return this.#more
  }
}
