import { NotAskedError, RoomcastError, storeUnavailable } from '../../errors.js'
import type { Random } from '../../random.js'
import { newEpoch } from '../continuity.js'
import { encodeTail } from '../record.js'
import { type ChannelId, META_GRACE_MS, type Published, type PublishOptions } from '../streams.js'
import type { Keys } from './keys.js'
import type { OrderedScript } from './ordered-script.js'
import type { RunWatch } from './run-watch.js'

/** Messages and bytes of one call: Redis serves nobody else meanwhile. */
const CALL_MESSAGES_MAX = 64
const CALL_BYTES_MAX = 262_144
const REPLY_FIELDS = 4

export interface PublishQueueOptions {
  readonly keys: Keys
  readonly run: RunWatch
  readonly script: OrderedScript
  readonly random: Random
}

interface Waiting {
  readonly encoded: Buffer
  readonly options: PublishOptions
  readonly resolve: (published: Published) => void
  readonly reject: (error: Error) => void
}

/** Publishes of one turn of the event loop: those to one channel are one call of the script, in their order. */
export class PublishQueue {
  readonly #options: PublishQueueOptions
  #waiting = new Map<ChannelId, Waiting[]>()

  constructor(options: PublishQueueOptions) {
    this.#options = options
  }

  /** Rejects with `store_unavailable`, an error of its own: all of a call fail alike, and the outcome may be unknown. */
  push(channel: ChannelId, encoded: Buffer, options: PublishOptions): Promise<Published> {
    return new Promise((resolve, reject) => {
      const waiting = { encoded, options, resolve, reject }
      if (this.#waiting.size === 0) setImmediate(() => this.#send())
      const ofChannel = this.#waiting.get(channel)
      if (ofChannel === undefined) this.#waiting.set(channel, [waiting])
      else ofChannel.push(waiting)
    })
  }

  #send(): void {
    const waiting = this.#waiting
    this.#waiting = new Map()
    for (const [channel, ofChannel] of waiting) {
      for (const call of callsOf(ofChannel)) void this.#call(channel, call)
    }
  }

  async #call(channel: ChannelId, call: readonly Waiting[]): Promise<void> {
    try {
      const reply = (await this.#ask(channel, call)) as Array<string | number>
      if (!fits(reply, call)) throw new Error('a receipt cannot be read')
      for (const [index, waiting] of call.entries()) waiting.resolve(publishedOf(waiting, reply, index * REPLY_FIELDS))
    } catch (error) {
      const cause = error instanceof RoomcastError ? error.cause : error
      // The publisher writes into it which message it is about.
      for (const { reject } of call) reject(storeUnavailable(cause))
    }
  }

  async #ask(channel: ChannelId, call: readonly Waiting[]): Promise<unknown> {
    const { keys, run, script, random } = this.#options
    // As it is now: under a run that is over what was lost would not be noticed.
    if (run.current === undefined) throw storeUnavailable(new NotAskedError('Redis is not connected'))
    const { retention, idempotencyMs } = (call[0] as Waiting).options
    return await script.call(
      [keys.meta(channel), keys.log(channel), ...call.map(({ options }) => keys.receipt(channel, options.messageId))],
      [
        keys.topic(channel),
        newEpoch(random),
        run.current,
        retention.size,
        retention.ttlMs,
        retention.ttlMs + META_GRACE_MS,
        idempotencyMs,
        ...call.flatMap(argumentsOf)
      ]
    )
  }
}

function argumentsOf({ encoded, options }: Waiting): [number, Buffer] {
  const { messageId, timestamp, exclude = [] } = options
  return [timestamp, encodeTail({ timestamp, messageId, exclude, encoded })]
}

/** Runs of messages that are kept in the same way, up to a number and a size. */
function* callsOf(waiting: readonly Waiting[]): Iterable<Waiting[]> {
  let call: Waiting[] = []
  let bytes = 0
  for (const one of waiting) {
    bytes += one.encoded.length
    const isFull = call.length === CALL_MESSAGES_MAX || bytes > CALL_BYTES_MAX
    if (call[0] !== undefined && (isFull || !isKeptAlike(call[0].options, one.options))) {
      yield call
      call = []
      bytes = one.encoded.length
    }
    call.push(one)
  }
  yield call
}

function isKeptAlike(one: PublishOptions, other: PublishOptions): boolean {
  return (
    one.retention.size === other.retention.size &&
    one.retention.ttlMs === other.retention.ttlMs &&
    one.idempotencyMs === other.idempotencyMs
  )
}

/** A receipt that no script has written would push the answers behind it out of their places. */
function fits(reply: readonly (string | number)[], call: readonly Waiting[]): boolean {
  if (reply.length !== call.length * REPLY_FIELDS) return false
  return call.every((_, index) => {
    const [, , offset, timestamp] = reply.slice(index * REPLY_FIELDS, (index + 1) * REPLY_FIELDS).map(Number)
    return Number.isSafeInteger(offset) && Number.isSafeInteger(timestamp)
  })
}

function publishedOf({ options }: Waiting, reply: readonly (string | number)[], at: number): Published {
  const [duplicate, epoch, offset, timestamp] = reply.slice(at, at + REPLY_FIELDS)
  return {
    position: { epoch: String(epoch), offset: Number(offset), messageId: options.messageId },
    timestamp: Number(timestamp),
    duplicate: duplicate === 1,
    durable: 'redis'
  }
}
