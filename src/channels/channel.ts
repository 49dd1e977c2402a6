import type { Clock } from '../clock.js'
import { Chunk } from '../connections/chunk.js'
import type { Turn, TurnWork } from '../connections/turn.js'
import { type Few, itemsOf, sizeOf, withItem, withoutItem } from '../few.js'
import { type ChannelTag, encodeGap, encodeReset } from '../protocol/pushes.js'
import type { ChannelId, Page, Position, ReadQuery, Retention, SignalMessage, StoredMessage } from '../store/streams.js'
import { ChannelLog, REPLAY_MAX, type Replay } from './channel-log.js'
import { type Entry, FanOut } from './fan-out.js'
import { Pace } from './pace.js'
import { type Publication, positionOf, publicationOf } from './publication.js'
import type { Receiver } from './receiver.js'
import { RecentPublications } from './recent-publications.js'

/** What a channel is for. */
export interface ChannelTopic {
  /** How the receivers' own protocol calls it. */
  readonly tag: ChannelTag
  /** What is published to it. */
  readonly retention: Retention
  /** How long messages may wait for others, to go out with them. Without: to the end of the turn. */
  readonly batchDelayMs?: number | undefined
  /** This node's own ear in the channel, besides its receivers. */
  readonly listener?: ChannelListener | undefined
}

/** What all channels of a node share: there may be as many as users. */
export interface ChannelSurroundings {
  readonly turn: Turn
  readonly clock: Clock
  readonly read: (id: ChannelId, query: ReadQuery) => Promise<Page>
  /** Resolves after a while: a read that failed is tried again. */
  readonly pause: () => Promise<void>
  /** Something did not come: of what is not stored, more may be missing. */
  readonly onHole?: (id: ChannelId) => void
  /** Messages were handed to connections. */
  readonly onDelivered: (count: number) => void
  /** Signals did not reach connections that lag. */
  readonly onSignalsDropped: (count: number) => void
  /** Something was read that did not come by itself. */
  readonly onRepair: () => void
  /** Receivers are told that messages are lost. */
  readonly onLoss: (loss: 'gap' | 'reset') => void
  /** Waited for before a reset is told: whoever hears it may ask for everything anew. Must not reject. */
  readonly beforeReset: () => Promise<void>
}

/** Hears a channel for the node itself. Must not throw. */
export interface ChannelListener {
  /** Every message in order, once. */
  onMessage(publication: Publication): void
  /** Messages are lost for good: a gap, or a history that is another one now. */
  onLoss(): void
}

/** Messages that may come before the store has confirmed the subscription. */
const EARLY_MAX = 1000
/** Runs of messages as they were sent to those who caught up. Of all channels: an empty WeakMap takes 200 bytes. */
const chunks = new WeakMap<readonly Publication[], Chunk>()

/**
 * What this node knows of one stream: how far it has heard, and who listens here. Messages go to receivers in order
 * and once; what did not come is read from the store before anything later is passed on.
 */
export class Channel implements TurnWork {
  readonly id: ChannelId
  readonly #topic: ChannelTopic
  readonly #surroundings: ChannelSurroundings
  readonly #recent: RecentPublications
  /** Undefined where nothing waits for anything. */
  readonly #pace: Pace | undefined
  #receivers: Few<Receiver>
  /** While somebody reads it who comes back. */
  #log: ChannelLog | undefined
  /** Undefined until the store has confirmed the subscription. */
  #position: Position | undefined
  #early: StoredMessage[] | undefined
  #entries: Entry[] | undefined
  /** Where the channel stood before the first of `#entries`. */
  #entriesBase: Position | undefined
  #fanOut: FanOut | undefined
  #repairing: Promise<void> | undefined
  /** The highest offset heard of while a repair was under way. */
  #heardOf = 0

  constructor(id: ChannelId, topic: ChannelTopic, surroundings: ChannelSurroundings) {
    const { clock, turn } = surroundings
    const { retention, batchDelayMs = 0 } = topic
    this.id = id
    this.#topic = topic
    this.#surroundings = surroundings
    this.#recent = new RecentPublications(clock, retention)
    this.#pace = batchDelayMs > 0 ? new Pace(clock, batchDelayMs, () => turn.fanOut(this)) : undefined
  }

  /** Where this node stands; throws before the subscription is confirmed. */
  get position(): Position {
    if (this.#position === undefined) throw new Error(`channel ${this.id} is not subscribed`)
    return this.#position
  }

  /** Those of this node. */
  get receiverCount(): number {
    return sizeOf(this.#receivers)
  }

  /** The log as those read it who come back. */
  get log(): ChannelLog {
    const { read } = this.#surroundings
    this.#log ??= new ChannelLog(
      (query) => read(this.id, query),
      this.#recent,
      () => this.#position
    )
    return this.#log
  }

  /** Lets go of what nobody needs any more. */
  tidy(): void {
    this.#recent.tidy()
    if (this.#log?.idle === true) this.#log = undefined
  }

  /** Messages were purged from the log: what is here of them serves nobody any more. */
  forgetRecent(): void {
    this.#recent.clear()
  }

  /** The subscription is confirmed: everything after `position` will come. */
  begin(position: Position): void {
    this.#position = position
    const early = this.#early ?? []
    this.#early = undefined
    for (const message of early) this.accept(message)
  }

  /** The subscription is over: what comes now is of the next one, which begins later. Nobody listens any more. */
  end(): void {
    this.#position = undefined
    this.#entries = undefined
  }

  /** A message came in. Passes it on if it is the next one, and has the hole before it read otherwise. */
  accept(message: StoredMessage): void {
    if (this.#position === undefined) {
      this.#early ??= []
      if (this.#early.length < EARLY_MAX) this.#early.push(message)
      return
    }
    if (this.#repairing !== undefined) {
      this.#heardOf = Math.max(this.#heardOf, message.offset)
      return
    }
    const { epoch, offset } = this.#position
    // Under another epoch even the next offset may hide a roll-back: the store knows (protocol.md 2.8).
    if (message.epoch !== epoch || message.offset > offset + 1) this.repair()
    else if (message.offset === offset + 1) this.#pass(publicationOf(message))
  }

  signal({ encoded, exclude }: SignalMessage): void {
    if (this.#receivers !== undefined) this.#queue({ kind: 'signal', payload: encoded, exclude })
  }

  /** Adds a receiver that stands at its position; it hears nothing until `catchUp`. */
  attach(receiver: Receiver): void {
    this.#receivers = withItem(this.#receivers, receiver)
    this.#recent.hold(receiver)
  }

  /** Keeps what comes in for a receiver that is about to be attached. Ends with `detach` or its catch-up. */
  hold(receiver: Receiver): void {
    this.#recent.hold(receiver)
  }

  /** Idempotent. */
  detach(receiver: Receiver): void {
    receiver.detached = true
    this.#receivers = withoutItem(this.#receivers, receiver)
    this.#recent.release(receiver)
  }

  /**
   * Brings a receiver from its position to where the channel stands, then lets it hear live. Reads page by page, and
   * waits whenever the connection has enough to write. Never rejects. `first` is a page that was read already.
   */
  async catchUp(receiver: Receiver, first?: Replay): Promise<void> {
    receiver.live = false
    receiver.begun = true
    this.#recent.hold(receiver)
    if (first !== undefined) {
      receiver.askedUpTo = first.top?.offset ?? 0
      this.#replay(receiver, first, false)
    }
    while (!receiver.gone && !this.#goLive(receiver)) {
      await receiver.connection.outbox.ready()
      const { position } = receiver
      const page = receiver.gone ? undefined : await this.#orPause(() => this.log.after(position))
      if (page?.continuity === 'reset') await this.#surroundings.beforeReset()
      if (page === undefined || receiver.gone) continue
      this.#replay(receiver, page, true)
      // Behind this node's position, yet the store has nothing more: a roll-back that the node is about to learn of.
      const stuck = page.publications.length === 0 && page.continuity === 'contiguous' && !this.#goLive(receiver)
      if (stuck) await this.#surroundings.pause()
    }
    this.#recent.release(receiver)
  }

  /**
   * Reads what this node may have missed and passes it on in order; what cannot be had any more is told to the
   * receivers as `gap` or `reset`. Resolves when the channel is whole again; never rejects.
   */
  repair(): Promise<void> {
    this.#repairing ??= this.#repair()
    return this.#repairing
  }

  endTurn(): boolean {
    if (this.#fanOut === undefined && this.#entries !== undefined) {
      const entries = this.#entries
      this.#entries = undefined
      const base = this.#entriesBase ?? this.position
      this.#fanOut = new FanOut(entries, [...itemsOf(this.#receivers)], base, (receiver) => void this.catchUp(receiver))
    }
    if (this.#fanOut !== undefined && !this.#fanOut.step()) {
      this.#surroundings.onDelivered(this.#fanOut.deliveries)
      this.#surroundings.onSignalsDropped(this.#fanOut.droppedSignals)
      this.#fanOut = undefined
    }
    return this.#fanOut !== undefined || this.#entries !== undefined
  }

  #pass(publication: Publication): void {
    this.#queue({ kind: 'message', publication })
    this.#recent.add(publication)
    this.#position = positionOf(publication)
    this.#topic.listener?.onMessage(publication)
  }

  #queue(entry: Entry): void {
    if (this.#entries === undefined) {
      this.#entries = []
      this.#entriesBase = this.#position
    }
    this.#entries.push(entry)
    if (this.#pace === undefined) this.#surroundings.turn.fanOut(this)
    else this.#pace.ask()
  }

  /**
   * True where nothing is missing between the receiver and the channel, or the recent messages bridge it. Offsets of
   * different epochs cannot be compared: the store has to judge the receiver's position first.
   */
  #goLive(receiver: Receiver): boolean {
    if (receiver.connection.outbox.lagging || receiver.position.epoch !== this.position.epoch) return false
    if (receiver.position.offset < this.position.offset) {
      const missing = this.#recent.after(receiver.position.offset)
      if (missing === undefined) return false
      this.#send(receiver, missing)
    }
    // The same place, told by the same object: there may be as many receivers as users.
    if (isSamePlace(receiver.position, this.position)) receiver.position = this.position
    receiver.live = true
    return true
  }

  /** Passes a page of the log to one receiver. `told`: losses are told in place, not by an answer. */
  #replay(receiver: Receiver, page: Replay, told: boolean): void {
    const { tag } = this.#topic
    const epoch = page.top?.epoch ?? receiver.position.epoch
    if (page.continuity === 'gap' && page.gap !== undefined) {
      if (told) this.#tellLoss(receiver, 'gap', encodeGap(tag, epoch, page.gap))
      receiver.position = { epoch, offset: page.gap.to }
    }
    if (page.continuity === 'reset') {
      const holds = page.holds ?? 0
      if (told) this.#tellLoss(receiver, 'reset', encodeReset(tag, epoch, holds))
      const nothingKept = page.publications.length === 0 ? page.top : undefined
      receiver.position = told ? { epoch, offset: holds } : (nothingKept ?? { epoch, offset: holds })
      // Told in place, the receiver keeps what still holds and is sent what lies beyond: read it from there.
      if (told) return
    }
    this.#send(receiver, page.publications)
    receiver.position = adoptEpoch(receiver.position, page)
  }

  #tellLoss(receiver: Receiver, loss: 'gap' | 'reset', payload: Buffer): void {
    this.#surroundings.onLoss(loss)
    receiver.send(new Chunk([payload]))
  }

  #send(receiver: Receiver, publications: readonly Publication[]): void {
    const last = publications.at(-1)
    if (last === undefined) return
    const heard = heardBy(receiver, publications)
    if (heard.length > 0) receiver.send(chunkOf(heard))
    receiver.position = positionOf(last)
    this.#surroundings.onDelivered(heard.length)
  }

  async #repair(): Promise<void> {
    this.#surroundings.onRepair()
    do {
      this.#heardOf = 0
      const after = this.position
      const page = await this.#orPause(() => this.#surroundings.read(this.id, { after, limit: REPLAY_MAX }))
      if (page?.continuity === 'reset') await this.#surroundings.beforeReset()
      // Nobody needs the channel any more: a later subscription begins afresh.
      if (this.#position === undefined) break
      if (page !== undefined) this.#mend(page)
      if (page === undefined || page.hasMore) this.#heardOf = Number.POSITIVE_INFINITY
    } while (this.#heardOf > this.position.offset)
    // In the same step as the last look at what was heard of: nothing can slip in between.
    this.#repairing = undefined
  }

  #mend(page: Page): void {
    const { tag } = this.#topic
    const before = this.position.epoch
    const epoch = page.top?.epoch ?? this.position.epoch
    // What others read ahead of this node may be rolled back.
    if (epoch !== this.position.epoch) this.#recent.clear()
    if (page.messages.length > 0 || page.continuity !== 'contiguous') this.#surroundings.onHole?.(this.id)
    if (page.continuity === 'reset') {
      const position = { epoch, offset: page.holds ?? 0 }
      this.#surroundings.onLoss('reset')
      this.#jump(position, encodeReset(tag, epoch, position.offset))
      // What lies beyond is read from where it holds.
      this.#heardOf = Math.max(this.#heardOf, page.top?.offset ?? 0)
      return
    }
    if (page.gap !== undefined) {
      this.#surroundings.onLoss('gap')
      this.#jump({ epoch, offset: page.gap.to }, encodeGap(tag, epoch, page.gap))
    }
    for (const message of page.messages) this.#pass(publicationOf(message))
    this.#position = adoptEpoch(this.position, page)
    if (this.#position.epoch !== before) this.#judgeThoseAhead()
  }

  /** Those who read ahead of this node, in an epoch that is over: they may stand in the void, and nothing more may come. */
  #judgeThoseAhead(): void {
    for (const receiver of itemsOf(this.#receivers)) {
      if (receiver.live && receiver.position.offset > this.position.offset) void this.catchUp(receiver)
    }
  }

  #jump(position: Position, payload: Buffer): void {
    this.#queue({ kind: 'jump', payload, position })
    this.#recent.clear()
    this.#position = position
    this.#topic.listener?.onLoss()
  }

  async #orPause<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read()
    } catch {
      // The store is away; who waits for it has to wait longer.
      await this.#surroundings.pause()
      return undefined
    }
  }
}

/** What a receiver is to be sent of a run: the run itself, where that is all of it. */
function heardBy({ connection, askedUpTo }: Receiver, run: readonly Publication[]): readonly Publication[] {
  const isHeard = ({ offset, exclude }: Publication) => offset <= askedUpTo || !exclude.includes(connection.id)
  return run.every(isHeard) ? run : run.filter(isHeard)
}

/** Whoever stands at the top after a page stands in the present epoch, whichever the last message was stored under. */
function adoptEpoch(position: Position, { top }: Pick<Page, 'top'>): Position {
  const isAtTop = top !== undefined && top.offset === position.offset && top.epoch !== position.epoch
  return isAtTop ? { ...position, epoch: top.epoch } : position
}

function isSamePlace(one: Position, other: Position): boolean {
  return one.epoch === other.epoch && one.offset === other.offset && one.messageId === other.messageId
}

/** One for all who are sent the same run. */
function chunkOf(run: readonly Publication[]): Chunk {
  const known = chunks.get(run)
  if (known !== undefined) return known
  const chunk = new Chunk(run.map(({ payload }) => payload))
  chunks.set(run, chunk)
  return chunk
}
