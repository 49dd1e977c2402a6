import { Chunk } from '../connections/chunk.js'
import type { Position } from '../store/streams.js'
import { type Publication, positionOf } from './publication.js'
import type { Receiver } from './receiver.js'

/** What goes to the receivers of a channel, in order. */
export type Entry =
  | { readonly kind: 'message'; readonly publication: Publication }
  /** Not numbered: a signal. Dropped for a connection that lags. */
  | { readonly kind: 'signal'; readonly payload: Buffer; readonly exclude: readonly string[] }
  /** The receivers stand at `position` from here on: a gap or a reset, which `payload` tells. */
  | { readonly kind: 'jump'; readonly payload: Buffer; readonly position: Position }

/** Receivers that are served in one step. */
const SLICE = 100

/**
 * Carries a run of entries to the receivers that a channel had when the run began. Messages are encoded once; all
 * receivers that stand where the run begins share one chunk.
 */
export class FanOut {
  readonly #entries: readonly Entry[]
  readonly #receivers: readonly Receiver[]
  readonly #base: Position
  readonly #end: Position
  readonly #excluded: ReadonlySet<string>
  readonly #onLag: (receiver: Receiver) => void
  readonly #signals: number
  #everything: Chunk | undefined
  #next = 0
  /** Messages handed to connections so far. */
  deliveries = 0
  /** Signals that a lagging connection did not get. */
  droppedSignals = 0

  /** `base` is where the channel stood before the first entry. */
  constructor(
    entries: readonly Entry[],
    receivers: readonly Receiver[],
    base: Position,
    onLag: (receiver: Receiver) => void
  ) {
    this.#entries = entries
    this.#receivers = receivers
    this.#base = base
    this.#end = entries.reduce(endOf, base)
    this.#excluded = new Set(entries.flatMap(excludedBy))
    this.#onLag = onLag
    this.#signals = entries.filter(({ kind }) => kind === 'signal').length
  }

  /** Serves the next slice of receivers. True where there are more. */
  step(): boolean {
    const end = Math.min(this.#next + SLICE, this.#receivers.length)
    for (; this.#next < end; this.#next++) this.#serve(this.#receivers[this.#next] as Receiver)
    return this.#next < this.#receivers.length
  }

  #serve(receiver: Receiver): void {
    if (receiver.gone || !receiver.begun) return
    if (receiver.connection.outbox.lagging) {
      this.droppedSignals += this.#signals
      if (receiver.live) this.#onLag(receiver)
      return
    }
    if (receiver.live && this.#mayStandInVoid(receiver.position)) {
      this.#onLag(receiver)
      return
    }
    const { live, position, connection } = receiver
    if (live && position.offset === this.#base.offset && !this.#excluded.has(connection.id)) {
      this.#everything ??= new Chunk(this.#entries.map(payloadOf), { shared: true })
      this.#send(receiver, this.#everything)
    } else {
      this.#serveApart(receiver)
    }
    if (live && !this.#isAtEnd(position)) receiver.position = this.#end
  }

  /** One that caught up by itself in the meantime may be further than this run goes. */
  #isAtEnd({ epoch, offset }: Position): boolean {
    return epoch === this.#end.epoch && offset >= this.#end.offset
  }

  /** One that read ahead of this node, in an epoch that is over: the store has to judge it (protocol.md 2.8). */
  #mayStandInVoid({ epoch, offset }: Position): boolean {
    return epoch !== this.#end.epoch && offset > this.#base.offset
  }

  /** One that joined on the way, still catches up, or is left out of something. */
  #serveApart(receiver: Receiver): void {
    const payloads: Buffer[] = []
    const hearsMessages = receiver.live && !this.#isAtEnd(receiver.position)
    let { offset } = receiver.position
    for (const entry of this.#entries) {
      if (entry.kind === 'jump') offset = entry.position.offset
      const wanted = entry.kind === 'signal' || (hearsMessages && isBeyond(entry, offset))
      if (wanted && !excludedBy(entry).includes(receiver.connection.id)) payloads.push(payloadOf(entry))
    }
    if (payloads.length > 0) this.#send(receiver, new Chunk(payloads))
  }

  #send(receiver: Receiver, chunk: Chunk): void {
    receiver.send(chunk)
    this.deliveries += chunk.payloads.length
  }
}

function payloadOf(entry: Entry): Buffer {
  return entry.kind === 'message' ? entry.publication.payload : entry.payload
}

function excludedBy(entry: Entry): readonly string[] {
  if (entry.kind === 'jump') return []
  return entry.kind === 'message' ? entry.publication.exclude : entry.exclude
}

function isBeyond(entry: Entry, offset: number): boolean {
  return entry.kind === 'jump' || (entry.kind === 'message' && entry.publication.offset > offset)
}

function endOf(position: Position, entry: Entry): Position {
  if (entry.kind === 'signal') return position
  return entry.kind === 'jump' ? entry.position : positionOf(entry.publication)
}
