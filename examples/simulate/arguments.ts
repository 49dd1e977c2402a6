import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { isId } from '../../src/protocol/ids.js'

export const usage = `Usage: npm run simulate -- [options]

Clients join one room, each sends messages, and all of them check what they hear. Where JWT_SECRET is set they have
tokens that are signed with it.

  --clients N     clients that join (default 10)
  --messages N    messages that each of them sends (default 5)
  --room ROOM     the room (default: a fresh one)
  --url URL       the server, as ws://127.0.0.1:8765 (default: the one that answers on HOST and PORT of the settings,
                  else one of its own in memory)
  --timeout N     seconds until it gives up (default 30)
  --help          shows this

Exits 0 where every client heard every message in one order, 1 where not, 2 on wrong arguments.
`

const COUNT_MAX = 1_000_000
const SECONDS_MAX = 86_400

export interface SimulationArguments {
  readonly clients: number
  readonly messages: number
  readonly room: string
  /** Absent: to be found out. */
  readonly url: URL | undefined
  readonly timeoutMs: number
}

/** Wrong arguments; its message is one line for whoever typed them. */
export class ArgumentError extends Error {}

/** Throws `ArgumentError`; undefined where only help is wanted. */
export function parseArguments(argv: readonly string[]): SimulationArguments | undefined {
  const { help, clients, messages, room, url, timeout } = readOptions(argv)
  if (help === true) return undefined
  if (!isId(room)) throw new ArgumentError(`--room: not a valid id: ${JSON.stringify(room)}`)
  return {
    clients: wholeNumber('--clients', clients, COUNT_MAX),
    messages: wholeNumber('--messages', messages, COUNT_MAX),
    room,
    url: url === undefined ? undefined : webSocketUrl(url),
    timeoutMs: wholeNumber('--timeout', timeout, SECONDS_MAX) * 1000
  }
}

function readOptions(argv: readonly string[]) {
  const options = {
    clients: { type: 'string', default: '10' },
    messages: { type: 'string', default: '5' },
    room: { type: 'string', default: `simulation-${randomUUID()}` },
    url: { type: 'string' },
    timeout: { type: 'string', default: '30' },
    help: { type: 'boolean', short: 'h' }
  } as const
  try {
    return parseArgs({ args: [...argv], options }).values
  } catch (error) {
    throw new ArgumentError((error as Error).message)
  }
}

function wholeNumber(name: string, text: string, maximum: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || value > maximum) {
    throw new ArgumentError(`${name}: expected a whole number from 1 to ${maximum} instead of ${JSON.stringify(text)}`)
  }
  return value
}

function webSocketUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['ws:', 'wss:'].includes(url.protocol)) {
    throw new ArgumentError(`--url: expected an address as ws://127.0.0.1:8765 instead of ${JSON.stringify(text)}`)
  }
  return url
}
