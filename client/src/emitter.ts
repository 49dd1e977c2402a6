type Listeners<Events> = { [K in keyof Events]?: Set<(event: Events[K]) => unknown> }

/** What became of one event. */
export interface Delivery {
  readonly listeners: number
  /** What the listeners returned; a promise that rejects for one that threw. */
  readonly results: readonly unknown[]
}

/** Typed events. */
export class Emitter<Events> {
  readonly #listeners: Listeners<Events> = {}

  /** Calls `listener` for every `event` until the returned function is called. */
  on<K extends keyof Events>(event: K, listener: (event: Events[K]) => unknown): () => void {
    // Each registration is one of its own, also of the same function.
    const entry = (value: Events[K]) => listener(value)
    const listeners = this.#listeners[event] ?? new Set()
    this.#listeners[event] = listeners
    listeners.add(entry)
    return () => void listeners.delete(entry)
  }

  hears(event: keyof Events): boolean {
    return (this.#listeners[event]?.size ?? 0) > 0
  }

  /** Runs the listeners in the order in which they came. One that throws stops nobody; its error is uncaught. */
  emit<K extends keyof Events>(event: K, value: Events[K]): Delivery {
    const results = Array.from(this.#listeners[event] ?? [], (listener) => run(() => listener(value)))
    return { listeners: results.length, results }
  }
}

function run(listener: () => unknown): unknown {
  try {
    return listener()
  } catch (error) {
    // Where every error goes that nobody catches.
    queueMicrotask(() => {
      throw error
    })
    const failed = Promise.reject(error)
    failed.catch(() => {})
    return failed
  }
}
