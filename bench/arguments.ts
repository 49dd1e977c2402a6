import { parseArgs } from 'node:util'
import { ArgumentError } from '../test/faults/support/arguments.js'
import type { ContestantName } from './contestants/contestant.js'

export const usage = `Usage: npm run bench -- [options]

Runs every workload against Roomcast and its peers, and writes what it measured into bench/results, docs/performance.md
and docs/performance. A part of it (--quick, --only, --peer) is only printed and kept in bench/results.

  --quick         ends within a minute: fewer workloads and peers, one short run each
  --only NAME     this workload; several with commas, or the option again
  --peer NAMES    of socketio, fastify-websocket, centrifugo, c, none (default: all that can be run here)
  --runs N        runs of each (default 3)
  --seconds N     seconds that are measured in each run (default 4)
  --write         writes the documents from a part, too: its rows replace those of before
  --help          shows this

Exits 0 where no target is missed, 1 where one is, 2 on wrong arguments.
`

const peers = {
  socketio: ['socketio'],
  'fastify-websocket': ['fastify-websocket'],
  centrifugo: ['centrifugo'],
  c: ['c-write', 'c-joined-write'],
  none: []
} as const satisfies Record<string, readonly ContestantName[]>

const RUNS_MAX = 20
const SECONDS_MAX = 60

export interface BenchArguments {
  readonly isQuick: boolean
  /** Names of workloads; empty: all. */
  readonly only: readonly string[]
  readonly peers: readonly ContestantName[]
  readonly runs: number
  readonly seconds: number
  readonly writesDocuments: boolean
}

/** Throws `ArgumentError`; undefined where only help is wanted. */
export function parseArguments(argv: readonly string[], workloads: readonly string[]): BenchArguments | undefined {
  const { quick, only, peer, runs, seconds, write, help } = readOptions(argv)
  if (help) return undefined
  const isPart = quick || only.length > 0 || peer.length > 0
  return {
    isQuick: quick,
    only: names('--only', only, workloads),
    peers: peersOf(peer, quick),
    runs: wholeNumber('--runs', runs ?? (quick ? '1' : '3'), RUNS_MAX),
    seconds: wholeNumber('--seconds', seconds ?? (quick ? '1' : '4'), SECONDS_MAX),
    writesDocuments: write || !isPart
  }
}

function readOptions(argv: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const
  const list = { type: 'string', multiple: true, default: [] as string[] } as const
  const options = {
    ...{ quick: flag, write: flag, help: { ...flag, short: 'h' } as const, only: list, peer: list },
    ...{ runs: { type: 'string' } as const, seconds: { type: 'string' } as const }
  }
  try {
    return parseArgs({ args: [...argv], options }).values
  } catch (error) {
    throw new ArgumentError((error as Error).message.split('\n')[0])
  }
}

function names(option: string, given: readonly string[], allowed: readonly string[]): string[] {
  const found = given.flatMap((text) => text.split(','))
  const wrong = found.find((name) => !allowed.includes(name))
  if (wrong === undefined) return found
  throw new ArgumentError(`${option}: one of ${allowed.join(', ')} instead of ${JSON.stringify(wrong)}`)
}

function peersOf(given: readonly string[], isQuick: boolean): ContestantName[] {
  const standard = isQuick ? ['socketio'] : Object.keys(peers)
  const chosen = given.length === 0 ? standard : names('--peer', given, Object.keys(peers))
  return chosen.flatMap((name) => peers[name as keyof typeof peers])
}

function wholeNumber(option: string, text: string, maximum: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= maximum) return value
  throw new ArgumentError(`${option}: expected a whole number from 1 to ${maximum} instead of ${JSON.stringify(text)}`)
}
