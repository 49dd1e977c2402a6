import { authorize, unauthenticated } from './auth/rules.js'
import { Deadline } from './deadline.js'
import { RoomcastError, storeUnavailable } from './errors.js'
import type { Answer, Context } from './handlers/context.js'
import { exclusiveCommands, handlers } from './handlers/index.js'
import { CloseCode } from './protocol/close-codes.js'
import { decodeCommand, readIdAlone, UndecodableError } from './protocol/codec.js'
import type { Command, CommandType } from './protocol/commands.js'
import { encodeError, encodeReply } from './protocol/replies.js'

/** Client errors that a client of sound mind does not make often. */
const malformedCodes: ReadonlySet<string> = new Set(['invalid_json', 'invalid_message', 'unknown_type'])

/** After one of these a session cannot be resumed any more (protocol.md 2.4). */
const beginningCommands: ReadonlySet<CommandType> = new Set<CommandType>([
  'join_room',
  'leave_room',
  'chat_message',
  'direct_message',
  'group_message'
])

/** Their outcome may be unknown: an id makes the retry safe, and so it is told in any case. */
const publishingCommands: ReadonlySet<CommandType> = new Set<CommandType>([
  'chat_message',
  'direct_message',
  'group_message'
])

/** Where a failure goes that is nobody's fault but ours. */
export type ReportError = (error: unknown) => void

/** A command on its way to its answer. */
interface Run<T extends CommandType = CommandType> {
  readonly command: Command<T>
  readonly deadline: Deadline
}

const answered = Promise.resolve()

/** `bytes`: as it came. */
export interface ReceivedText {
  readonly text: string
  readonly bytes: number
}

/** Takes one message of a client. Every command is answered exactly once; nothing is ever thrown. */
export function receive(context: Context, { text, bytes }: ReceivedText, report: ReportError): void {
  const { connection, clock, limiter, rooms } = context
  if (connection.closed) return
  // Whatever it is, it counts: nonsense must not be cheaper than sense.
  const now = clock.monotonic()
  const retryAfterMs = limiter.take(connection, now, bytes)
  if (retryAfterMs > 0) {
    // What is not let in must not be as dear as what is.
    refuse(context, new RoomcastError('rate_limited', { retryAfterMs }), readIdAlone(text))
    return
  }
  const { id, type, command, failure } = decode(text, rooms.families.messageTypes, report)
  if (failure !== undefined) refuse(context, isForeign(connection, type) ? unauthenticated() : failure, id)
  else beginInRate(context, command, { now, report })
}

/** Of somebody who has yet to say who it is: whatever is wrong with it comes later. */
function isForeign({ grant }: Context['connection'], type: string | undefined): boolean {
  return grant === undefined && type !== undefined && type !== 'authenticate'
}

/** What costs more than a message does has a rate of its own. */
function beginInRate(context: Context, command: Command, { now, report }: { now: number; report: ReportError }): void {
  const retryAfterMs = context.limiter.takeOperation(context.connection, now, command.type)
  if (retryAfterMs > 0) refuse(context, new RoomcastError('rate_limited', { retryAfterMs }), command.id)
  else begin(context, command, report)
}

/** Its time runs from here, also while it waits for others. */
function begin(context: Context, command: Command, report: ReportError): void {
  const { connection, clock, random, deadlines } = context
  const run: Run = { command, deadline: new Deadline() }
  const messageId = publishingCommands.has(command.type)
    ? nameMessage(command, () => random.timeUuid(clock.now()))
    : undefined
  const end = deadlines.begin(() => {
    if (!run.deadline.expire() || connection.closed) return
    const failure = storeUnavailable(new Error('no answer in time'))
    failure.messageId = messageId
    refuse(context, failure, command.id)
  })
  const task = () => answer(context, run, report).then(end)
  connection.commands.push(task, exclusiveCommands.has(command.type))
}

/** The id of the message, `fresh` where the client gave none. */
function nameMessage({ body }: Command, makeId: () => string): string {
  const draft = body as { message_id?: string }
  draft.message_id ??= makeId()
  return draft.message_id
}

type Decoded = { readonly id: string | undefined; readonly type?: string | undefined } & (
  | { readonly command: Command; readonly failure?: undefined }
  | { readonly command?: undefined; readonly failure: RoomcastError }
)

function decode(text: string, messageTypes: ReadonlySet<string>, report: ReportError): Decoded {
  try {
    const command = decodeCommand(text, messageTypes)
    return { id: command.id, command }
  } catch (error) {
    if (error instanceof UndecodableError) return { id: error.id, type: error.type, failure: error.failure }
    return { id: undefined, failure: asFailure(error, report) }
  }
}

/** A line that is not even read. It counts as any other message does. */
export function refuseLine(context: Context, bytes: number): void {
  const { connection, clock, limiter } = context
  const retryAfterMs = limiter.take(connection, clock.monotonic(), bytes)
  const limited = retryAfterMs > 0
  refuse(
    context,
    new RoomcastError(limited ? 'rate_limited' : 'message_too_large', limited ? { retryAfterMs } : {}),
    undefined
  )
}

/** An error that belongs to no command, or to one that is not begun. */
export function refuse({ connection, clock, limiter }: Context, failure: RoomcastError, id: string | undefined): void {
  limiter.refusals.commands[failure.code]++
  connection.outbox.pushPayload(encodeError(failure, id))
  const now = clock.monotonic()
  if (malformedCodes.has(failure.code) && connection.malformed.add(now)) connection.close(CloseCode.TooManyMalformed)
  if (failure.code === 'rate_limited' && connection.rateLimited.add(now)) connection.close(CloseCode.RateLimitBroken)
}

/** Runs one command and answers it: a handler's error becomes an error reply. Never rejects. */
function answer<T extends CommandType>(context: Context, run: Run<T>, report: ReportError): Promise<void> {
  if (run.deadline.over) return answered
  const { command, deadline } = run
  const { type } = command as { type: T }
  try {
    authorize(context.connection.grant, command)
    if (beginningCommands.has(type)) context.connection.begin()
    return handlers[type](context, command, deadline).then(
      (outcome) => tell(context, run, outcome),
      (error) => fail(context, run, asFailure(error, report))
    )
  } catch (error) {
    fail(context, run, asFailure(error, report))
    return answered
  }
}

function tell<T extends CommandType>({ connection }: Context, { command, deadline }: Run<T>, outcome: Answer<T>): void {
  if (deadline.over) return
  const { type, id } = command as { type: T; id: string | undefined }
  // A heartbeat is answered in any case: that is what it is for.
  if (id !== undefined || type === 'heartbeat') connection.outbox.pushPayload(encodeReply(type, id, outcome.body))
  outcome.begin?.()
}

function fail(context: Context, { command, deadline }: Run, failure: RoomcastError): void {
  if (!context.connection.closed && !deadline.over) refuse(context, failure, command.id)
}

function asFailure(error: unknown, report: ReportError): RoomcastError {
  if (error instanceof RoomcastError) return error
  report(error)
  return new RoomcastError('internal')
}
