import { syncBuiltinESMExports } from 'node:module'
import zlib from 'node:zlib'
import t, { type Test } from 'tap'
import { Chunk } from '../../src/connections/chunk.js'
import { NDJSON } from '../../src/connections/socket-transport.js'
import type { LiveClientOptions } from '../support/live-client.js'
import { ManualClock } from '../support/manual-clock.js'
import { startServer } from '../support/server.js'
import { askTogether, type CountedClient, chat, countedClient, countedMember, heardByAll } from './counted-room.js'

const plain: LiveClientOptions = { perMessageDeflate: false }
const deflating: LiveClientOptions = { perMessageDeflate: true }
const joining: LiveClientOptions = { perMessageDeflate: true, protocols: [NDJSON] }
const large = 'large '.repeat(1000)

/** How often this process deflates in one go while `task` runs; clients of ws do it in the background. */
async function deflatesDuring(task: () => unknown): Promise<number> {
  const { deflateRawSync } = zlib
  let count = 0
  zlib.deflateRawSync = (...values) => {
    count++
    return deflateRawSync(...values)
  }
  syncBuiltinESMExports()
  try {
    await task()
  } finally {
    zlib.deflateRawSync = deflateRawSync
    syncBuiltinESMExports()
  }
  return count
}

/** What messages of one turn cost in a room of such members, so many of each kind. */
async function deflatesOf(t: Test, contents: readonly string[], kinds: readonly LiveClientOptions[], copies: number) {
  const server = await startServer(t, { COMPRESSION: true }, { clock: new ManualClock() })
  const publisher = await countedClient(server, plain)
  const members: CountedClient[] = []
  for (let copy = 0; copy < copies; copy++) {
    for (const options of kinds) members.push(await countedMember(server, options))
  }
  return await deflatesDuring(async () => {
    await askTogether(
      publisher,
      contents.map((content) => chat(content))
    )
    await heardByAll(members, contents.at(-1))
  })
}

for (const copies of [1, 20]) {
  t.test(`a large message is deflated once for ${copies} of each kind`, async (t) => {
    t.equal(await deflatesOf(t, [large], [plain, deflating, joining], copies), 1)
  })

  t.test(`a joined frame is deflated once for ${copies}, and what stands alone is too small for it`, async (t) => {
    t.equal(await deflatesOf(t, ['one', 'two', 'three'], [plain, deflating, joining], copies), 1)
  })
}

t.test('nothing is deflated where nobody asked for it', async (t) => {
  t.equal(await deflatesOf(t, [large, 'last'], [plain, { ...plain, protocols: [NDJSON] }], 2), 0)
})

t.test('a message that goes out beside others here and there is deflated once', async (t) => {
  const [message, other] = [Buffer.from(large), Buffer.from('other')]
  const chunks = [new Chunk([message]), new Chunk([message, other]), new Chunk([other, message])]
  t.equal(await deflatesDuring(() => chunks.map(({ deflatedFrames }) => deflatedFrames)), 1)
})
