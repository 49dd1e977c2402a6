import t, { type Test } from 'tap'
import { frameBytesMax, NDJSON } from '../../src/connections/socket-transport.js'
import { openRaw } from '../live/raw-socket.js'
import { startServer } from '../support/server.js'
import { Bystander } from './bystander.js'
import { type Answers, EMPTY_TEXT, type HostileCase, NOT_UTF8 } from './case.js'
import { closingCases } from './cases/closing.js'
import { deflatedCases } from './cases/deflated.js'
import { fragmentationCases } from './cases/fragmentation.js'
import { framingCases } from './cases/framing.js'
import { pingCases } from './cases/pings.js'
import { reservedCases } from './cases/reserved.js'
import { sizeCases } from './cases/sizes.js'
import { utf8Cases } from './cases/utf8.js'
import { play } from './play.js'
import { processFaults } from './process-faults.js'

t.setTimeout(150_000)

const MESSAGE_BYTES = 65_536

interface Variant {
  readonly title: string
  readonly protocol: string
  readonly compression: boolean
}

const variants: readonly Variant[] = [
  { title: 'without a subprotocol', protocol: '', compression: false },
  { title: 'in ndjson', protocol: NDJSON, compression: false },
  { title: 'with compression', protocol: 'roomcast.v1', compression: true }
]

function casesOf({ protocol, compression }: Variant): HostileCase[] {
  const limits = {
    message: MESSAGE_BYTES,
    frame: frameBytesMax(protocol, MESSAGE_BYTES),
    lines: protocol === NDJSON
  }
  const groups = [framingCases, pingCases, reservedCases, fragmentationCases, utf8Cases, closingCases]
  return [...groups.flat(), ...sizeCases(limits), ...(compression ? deflatedCases : [])]
}

function answersIn({ protocol, compression }: Variant, { number, answers }: HostileCase): Answers {
  if (answers === EMPTY_TEXT && protocol === NDJSON) return {}
  // The bit is allowed then, and what follows it is nothing that could be inflated.
  if (number === '3.4' && compression) return { ...answers, ...NOT_UTF8 }
  return answers
}

for (const variant of variants) {
  t.test(`every case of the suite is answered as it has to be, and nobody else notices (${variant.title})`, (t) =>
    playAll(t, variant)
  )
}

async function playAll(t: Test, variant: Variant): Promise<void> {
  const faults = processFaults(t)
  const server = await startServer(t, {
    COMPRESSION: variant.compression,
    MAX_MESSAGE_BYTES: MESSAGE_BYTES,
    RATE_LIMIT_PER_SECOND: 0
  })
  const bystander = await Bystander.of(server)
  const headers = {
    ...(variant.protocol === '' ? {} : { 'sec-websocket-protocol': variant.protocol }),
    ...(variant.compression ? { 'sec-websocket-extensions': 'permessage-deflate' } : {})
  }
  for (const one of casesOf(variant)) {
    const client = await openRaw(t, server.url, { headers })
    await play(t, client, { ...one, answers: answersIn(variant, one) })
    await bystander.hears()
  }
  t.strictSame(faults, [])
}
