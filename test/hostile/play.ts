import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Test } from 'tap'
import { Opcode, type RawSocket } from '../live/raw-socket.js'
import type { Message } from '../support/live-client.js'
import { close, type HostileCase, text } from './case.js'

const END = 'heartbeat_ack end'

/** Sends what the case sends and looks at everything that comes back. The connection is over then. */
export async function play(t: Test, client: RawSocket, { number, title, sends, answers }: HostileCase): Promise<void> {
  const name = `${number} ${title}`
  for (const piece of sends) {
    client.write(piece)
    if (sends.length > 1) await nextTurn()
  }
  if (answers.closes === undefined) await checkOpen(t, client, { name, ...answers })
  else await checkClosed(t, client, { name, closes: answers.closes, ...answers })
}

interface Expected {
  readonly name: string
  readonly heard?: readonly string[]
  readonly pongs?: readonly string[]
}

async function checkOpen(t: Test, client: RawSocket, { name, heard = [], pongs = [] }: Expected): Promise<void> {
  client.write(text(JSON.stringify({ type: 'heartbeat', id: 'end' })))
  await changed(client, () => heardBy(client).at(-1) === END)
  t.strictSame([heardBy(client), pongsTo(client)], [[...heard, END], pongs], name)
  client.write(close(1000))
  await client.closed()
}

async function checkClosed(
  t: Test,
  client: RawSocket,
  { name, closes, heard = [], pongs = [] }: Expected & { readonly closes: number }
): Promise<void> {
  await changed(client, () => client.closeCode !== undefined)
  // What it was told before it was cut off is right as far as it goes.
  const known = [heardBy(client), pongsTo(client)]
  const expected = [heard.slice(0, heardBy(client).length), pongs.slice(0, pongsTo(client).length)]
  t.strictSame([client.closeCode, ...known], [closes, ...expected], name)
  client.write(close(closes))
  await client.closed()
}

/** Waits for what comes in until there is enough of it, or the end. */
async function changed({ socket }: RawSocket, isEnough: () => boolean): Promise<void> {
  while (!isEnough() && !socket.closed) {
    await new Promise<void>((resolve) => {
      socket.once('data', () => resolve())
      socket.once('close', () => resolve())
    })
  }
}

/** Everything but the welcome. */
function heardBy({ frames }: RawSocket): string[] {
  const texts = frames.filter(({ opcode }) => opcode === Opcode.Text).slice(1)
  return texts.flatMap(({ payload }) => payload.toString().split('\n')).map((line) => briefly(JSON.parse(line)))
}

function briefly({ type, id, code }: Message): string {
  return `${type} ${id ?? code}`
}

function pongsTo({ frames }: RawSocket): string[] {
  return frames.filter(({ opcode }) => opcode === Opcode.Pong).map(({ payload }) => payload.toString('latin1'))
}
