import { setTimeout as sleep } from 'node:timers/promises'
import { DriverScope, type Scope } from '../../support/scope.js'
import { request } from '../../support/server.js'
import { until } from '../../support/until.js'
import type { Random } from '../support/random.js'
import { Book, type Sent } from './book.js'
import { type Books, comeBack, listen, type Position, type Stored } from './comeback.js'
import { Publisher, post } from './publishers.js'
import { type Rig, type StoreName, startRig } from './rigs.js'
import { GROUP, READER, ROOM, readAll, type StreamName, streamNames, WRITER } from './streams.js'
import { judge, judgeHeard } from './verdict.js'

export interface KillOptions {
  readonly store: StoreName
  readonly rounds: number
  readonly random: Random
  /** The kill comes within so many milliseconds after everybody was acknowledged something. */
  readonly spreadMs: number
  readonly onRound: (report: RoundReport) => void
}

export interface RoundReport {
  readonly round: number
  readonly killed: string
  readonly afterMs: number
  readonly acknowledged: Readonly<Record<StreamName, number>>
  readonly unacknowledged: number
  /** Of the unacknowledged ones. */
  readonly storedAnyway: number
  readonly heard: number
  readonly violations: readonly string[]
}

/**
 * Rounds of publishing as fast as it is acknowledged, `kill -9` at a random moment, and a look at what is there. At
 * the end everything is looked at once more. Answers all violations.
 */
export async function playKillRounds(scope: Scope, options: KillOptions): Promise<string[]> {
  const rig = await startRig(scope, options.store)
  for (const user of [READER, WRITER]) await request(`${rig.url}/groups/${GROUP}/members/${user}`, { method: 'PUT' })
  const books: Books = { room: new Book('room'), inbox: new Book('inbox'), group: new Book('group') }
  const violations: string[] = []
  for (let round = 1; round <= options.rounds; round++) {
    const ofRound = new DriverScope()
    try {
      const report = await playRound(ofRound, { rig, books, round, options })
      options.onRound(report)
      violations.push(...report.violations)
    } finally {
      await ofRound.end()
    }
  }
  for (const book of Object.values(books)) {
    const faults = judge(book, await readAll(rig.url, book.stream, 0), {
      floor: 0,
      sent: book.sent.values(),
      withRetries: true
    })
    violations.push(...faults.map((fault) => `at the end, ${fault}`))
  }
  return violations
}

interface Round {
  readonly rig: Rig
  readonly books: Books
  readonly round: number
  readonly options: KillOptions
}

async function playRound(scope: Scope, play: Round): Promise<RoundReport> {
  const { rig, books, round } = play
  const { publishers, since } = await openPublishers(scope, play)
  const kill = await publishUntilKilled(play, publishers)
  await rig.restart()

  const stored = await readSince(rig, books)
  const counts = countsOf(books, stored)
  const violations = [
    ...publishers.flatMap(({ faults }) => faults),
    ...judgeRound(books, stored, false),
    ...streamNames.flatMap((name) => judgeHeard(books[name], stored[name]))
  ]
  for (const name of streamNames) violations.push(...(await retryAll(rig.url, books[name], stored[name])))
  const whole = await readSince(rig, books)
  violations.push(...judgeRound(books, whole, true), ...(await comeBack(scope, rig.url, since, whole)))
  for (const name of streamNames) books[name].endRound(whole[name].at(-1)?.offset)
  return { round, ...kill, ...counts, violations }
}

/** For each stream one that keeps several in flight, and backends besides; and somebody who listens. */
async function openPublishers(
  scope: Scope,
  { rig: { url }, books, round }: Round
): Promise<{ publishers: Publisher[]; since: Position }> {
  const listener = await listen(scope, url, (stream, message) => books[stream].hear(message))
  const joined = await listener.ask({ type: 'join_room', room: ROOM })
  const sockets = streamNames.map((name) => Publisher.overSocket(scope, url, books[name], `${round}-${name}-socket`))
  const backends = streamNames.flatMap((name) =>
    [1, 2].map((lane) => Publisher.overHttp(url, books[name], `${round}-${name}-${lane}`))
  )
  const since = { epoch: joined?.epoch, offset: joined?.offset }
  return { publishers: [...(await Promise.all(sockets)), ...backends], since }
}

async function publishUntilKilled(
  { rig, books, options: { random, spreadMs } }: Round,
  publishers: readonly Publisher[]
): Promise<{ killed: string; afterMs: number }> {
  const running = Promise.all(publishers.map((publisher) => publisher.run()))
  await until(() => streamNames.every((name) => books[name].ofRound.some(({ acknowledged }) => acknowledged)))
  const afterMs = random.integer(0, spreadMs)
  await sleep(afterMs)
  const killed = await rig.kill(random)
  await running
  return { killed, afterMs }
}

async function readSince({ url }: Rig, books: Books): Promise<Stored> {
  const [room, inbox, group] = await Promise.all(streamNames.map((name) => readAll(url, name, books[name].floor)))
  return { room: room ?? [], inbox: inbox ?? [], group: group ?? [] }
}

function judgeRound(books: Books, stored: Stored, withRetries: boolean): string[] {
  return Object.values(books).flatMap((book) =>
    judge(book, stored[book.stream], { floor: book.floor, sent: book.ofRound, withRetries })
  )
}

/** Tries again with the same id, twice at the same moment: each is there once, where it was if it was there before. */
async function retryAll(url: string, book: Book, stored: Stored[StreamName]): Promise<string[]> {
  const placeOf = new Map(stored.map((message) => [message.message_id, message.offset]))
  const retry = async (sent: Sent): Promise<string[]> => {
    const answers = await Promise.all([post(url, book, sent), post(url, book, sent)])
    const place = placeOf.get(sent.id) ?? answers[0]?.offset
    const fresh = answers.filter((answer) => answer?.duplicate === false).length
    const isOnce = fresh === (placeOf.has(sent.id) ? 0 : 1) && answers.every((answer) => answer?.offset === place)
    sent.acknowledged = { offset: place }
    return isOnce ? [] : [`${book.stream}: the retry of ${sent.id} was answered ${JSON.stringify(answers)}`]
  }
  return (await Promise.all(book.unacknowledged.map(retry))).flat()
}

function countsOf(books: Books, stored: Stored) {
  const acknowledgedOf = (name: StreamName) => books[name].ofRound.length - books[name].unacknowledged.length
  const unacknowledged = streamNames.flatMap((name) => books[name].unacknowledged)
  const ids = new Set(streamNames.flatMap((name) => stored[name].map(({ message_id }) => message_id)))
  return {
    acknowledged: { room: acknowledgedOf('room'), inbox: acknowledgedOf('inbox'), group: acknowledgedOf('group') },
    unacknowledged: unacknowledged.length,
    storedAnyway: unacknowledged.filter(({ id }) => ids.has(id)).length,
    heard: Object.values(books).reduce((sum, { heard }) => sum + heard.length, 0)
  }
}
