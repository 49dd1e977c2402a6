import { AssertionError } from 'node:assert'
import type { Message } from '../../support/live-client.js'
import type { Scope } from '../../support/scope.js'
import { until } from '../../support/until.js'
import { judgeRoom, type Loss } from './oracle.js'
import { untilPresent } from './presence.js'
import { PublisherBook, SteadyPublisher } from './publisher.js'
import { readRoom, readTop } from './room-history.js'
import { Subscriber } from './subscriber.js'

export interface TrafficOptions {
  /** Of the nodes; everybody takes the next one each time. */
  readonly urls: readonly string[]
  readonly rooms: readonly string[]
  readonly subscribersPerRoom: number
  /** By turns over WebSocket and over REST. */
  readonly publishersPerRoom: number
  /** Messages of each publisher. */
  readonly perSecond: number
}

export interface TrafficReport {
  readonly acknowledged: number
  /** Tries without a certain outcome, each tried again under the same id. */
  readonly unknown: number
  /** Tries that a node did not take, and said so. */
  readonly refused: number
  /** Acknowledged, and no longer stored. */
  readonly lost: number
  readonly heard: number
  /** Heard again, and taken away by the filter. */
  readonly repeated: number
  readonly gaps: number
  readonly resets: number
  readonly comebacks: number
  readonly slowestAnswerMs: number
}

interface Cast {
  readonly subscribers: readonly Subscriber[]
  readonly publishers: readonly SteadyPublisher[]
  readonly book: PublisherBook
}

const FAULTS_SHOWN = 20
const HEARD_MS = 30_000

/** People who talk in rooms while something breaks: publishers that try again, members that come back. */
export class Traffic {
  readonly #options: TrafficOptions
  readonly #cast: Cast
  readonly #running: Promise<unknown>

  private constructor(options: TrafficOptions, cast: Cast) {
    this.#options = options
    this.#cast = cast
    this.#running = Promise.all(cast.publishers.map((publisher) => publisher.run()))
  }

  /** Resolves when all members are in their rooms; the publishing begins then. Ends with the scope. */
  static async start(scope: Scope, options: TrafficOptions): Promise<Traffic> {
    return new Traffic(options, await gather(scope, options))
  }

  get subscribers(): readonly Subscriber[] {
    return this.#cast.subscribers
  }

  get acknowledged(): number {
    return this.#cast.book.acknowledged
  }

  /** Waits until so many more are acknowledged. */
  async flow(count: number, deadlineMs = 30_000): Promise<void> {
    const goal = this.acknowledged + count
    const reached = (acknowledged: number) => acknowledged >= goal
    await until(() => this.acknowledged, reached, deadlineMs)
  }

  /** The publishers end; resolves when every message of theirs is acknowledged. Idempotent. */
  async stop(): Promise<void> {
    for (const publisher of this.#cast.publishers) publisher.stop()
    await this.#running
  }

  /**
   * After `stop`: waits until all members have heard everything, and throws where something is lost, out of order,
   * repeated or foreign (I1 to I5).
   */
  async check({ mayLose = 'nothing' }: { mayLose?: Loss } = {}): Promise<TrafficReport> {
    const { book } = this.#cast
    const faults = [...(await this.#untilAllHeard()), ...book.faults]
    let lost = 0
    for (const room of this.#options.rooms) {
      const verdict = judgeRoom(await this.#ask((url) => readRoom(url, room)), {
        sent: [...book.sent.values()].filter((one) => one.room === room),
        hearings: this.#membersOf(room).map(({ hearing }) => hearing),
        mayLose
      })
      faults.push(...verdict.faults)
      lost += verdict.lost
    }
    if (faults.length > 0) throw broken(faults)
    return this.#report(lost)
  }

  /**
   * Waits until every one of these nodes counts exactly the members (I6); how long that took. Throws after the
   * deadline.
   */
  async untilPresenceIsRight(deadlineMs: number, urls = this.#options.urls): Promise<number> {
    const begun = performance.now()
    for (const url of urls) {
      for (const room of this.#options.rooms) {
        const users = this.#membersOf(room).map(({ userId }) => userId)
        await untilPresent({ url, room, users }, Math.max(0, begun + deadlineMs - performance.now()))
      }
    }
    return performance.now() - begun
  }

  /** Who is not where it should be after a while. */
  async #untilAllHeard(): Promise<string[]> {
    let late: string[] = []
    const look = async () => {
      late = (await Promise.all(this.#options.rooms.map((room) => this.#lateIn(room)))).flat()
      return late.length
    }
    await until(look, (count) => count === 0, HEARD_MS).catch(() => {})
    return late
  }

  async #lateIn(room: string): Promise<string[]> {
    const top = await this.#ask((url) => readTop(url, room))
    return this.#membersOf(room)
      .filter(({ there, hearing }) => !there || hearing.position.offset !== top)
      .map(({ userId, there, hearing: { position } }) => {
        return `I1: ${userId} is ${there ? 'there' : 'away'} and stands at ${position.offset} of ${top}`
      })
  }

  /** Of whichever node answers. */
  async #ask<T>(question: (url: string) => Promise<T>): Promise<T> {
    return await Promise.any(this.#options.urls.map(question))
  }

  #membersOf(room: string): Subscriber[] {
    return this.subscribers.filter((subscriber) => subscriber.room === room)
  }

  #report(lost: number): TrafficReport {
    const { acknowledged, unknown, refused, slowestAnswerMs } = this.#cast.book
    const sum = (count: (subscriber: Subscriber) => number) =>
      this.subscribers.reduce((total, subscriber) => total + count(subscriber), 0)
    return {
      ...{ acknowledged, unknown, refused, slowestAnswerMs, lost },
      heard: sum(({ hearing }) => hearing.heard),
      repeated: sum(({ hearing }) => hearing.repeated),
      gaps: sum(({ hearing }) => hearing.gaps),
      resets: sum(({ hearing }) => hearing.resets),
      comebacks: sum(({ comebacks }) => comebacks)
    }
  }
}

async function gather(scope: Scope, options: TrafficOptions): Promise<Cast> {
  const { rooms, subscribersPerRoom, publishersPerRoom, perSecond } = options
  const book = new PublisherBook()
  const onMessage = witness(book)
  const nextUrlFrom = (start: number) => {
    let next = start
    return () => options.urls[next++ % options.urls.length] as string
  }
  const members = rooms.flatMap((room) => names('member', subscribersPerRoom).map((name) => ({ room, name })))
  const joining = members.map(({ room, name }, index) =>
    Subscriber.join({ scope, room, userId: `${room}-${name}`, nextUrl: nextUrlFrom(index), onMessage })
  )
  const talkers = rooms.flatMap((room) => names('publisher', publishersPerRoom).map((name) => ({ room, name })))
  const publishers = talkers.map(({ room, name }, index) => {
    const over = index % 2 === 0 ? 'socket' : 'http'
    return new SteadyPublisher({
      scope,
      nextUrl: nextUrlFrom(index),
      room,
      name: `${room}-${name}`,
      perSecond,
      over,
      book
    })
  })
  return { subscribers: await Promise.all(joining), publishers, book }
}

/** Whatever anybody hears was sent to that room, and is the one message at its place. */
function witness(book: PublisherBook): (message: Message) => void {
  const places = new Map<string, string>()
  return ({ room, epoch, offset, message_id }) => {
    if (book.sent.get(message_id)?.room !== room) book.faults.push(`I4: ${message_id} was never sent to ${room}`)
    const place = `${room} ${epoch} ${offset}`
    const known = places.get(place) ?? message_id
    places.set(place, known)
    if (known !== message_id) book.faults.push(`I2: ${known} and ${message_id} are both at ${place}`)
  }
}

function names(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${kind}${index}`)
}

function broken(faults: readonly string[]): AssertionError {
  const more = faults.length > FAULTS_SHOWN ? `\n… and ${faults.length - FAULTS_SHOWN} more` : ''
  return new AssertionError({ message: faults.slice(0, FAULTS_SHOWN).join('\n') + more })
}
