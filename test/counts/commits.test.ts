import path from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import t, { type Test } from 'tap'
import { EmbeddedStreams } from '../../src/store/embedded/embedded-streams.js'
import type { LedgerBatch } from '../../src/store/embedded/ledger.js'
import { LmdbMessages } from '../../src/store/embedded/lmdb-messages.js'
import { LmdbReceipts } from '../../src/store/embedded/lmdb-receipts.js'
import { MemoryLedger } from '../../src/store/embedded/memory-ledger.js'
import { post, span } from '../store/hearing.js'
import { ManualClock } from '../support/manual-clock.js'
import { startServer } from '../support/server.js'
import { temporaryFolder } from '../support/server-process.js'
import { askTogether, chat, countedClient, countFromNow } from './counted-room.js'

const MESSAGES = 50
const FILE = 'roomcast.mdb'

/** A ledger in memory, and what was committed to it. */
function watchedLedger(): { ledger: MemoryLedger; batches: LedgerBatch[] } {
  const ledger = new MemoryLedger()
  const batches: LedgerBatch[] = []
  const commit = ledger.commit.bind(ledger)
  ledger.commit = (batch) => {
    batches.push(batch)
    return commit(batch)
  }
  return { ledger, batches }
}

t.test('publishes of one turn are one commit, in which each room has one run and one meta', async (t) => {
  const { ledger, batches } = watchedLedger()
  const streams = new EmbeddedStreams(ledger, new ManualClock())
  for (const channel of ['room:a', 'room:b']) await post(streams, channel)
  batches.length = 0
  await Promise.all(span(1, MESSAGES).flatMap(() => [post(streams, 'room:a'), post(streams, 'room:b')]))
  t.equal(batches.length, 1)
  const { metas = [], messages = [], receipts = [], trims = [] } = batches[0] ?? {}
  const runs = [...messages].map(([channel, run]) => [channel, run.length])
  t.strictSame(runs, [
    ['room:a', MESSAGES],
    ['room:b', MESSAGES]
  ])
  t.equal([...metas].length, 2)
  t.equal(receipts.length, 2 * MESSAGES)
  t.equal([...trims].length, 0)
})

/** A database, and how its tables are opened so that what is put into each of them is counted. */
async function countedDatabase(t: Test) {
  const root = open({ path: path.join(await temporaryFolder(t), FILE), overlappingSync: false })
  t.teardown(() => root.close())
  const puts: Record<string, number> = {}
  const openDB = (options: { name: string }) => {
    const table = root.openDB(options)
    const put = table.put.bind(table) as (...values: unknown[]) => Promise<boolean>
    table.put = (...values: unknown[]) => {
      puts[options.name] = (puts[options.name] ?? 0) + 1
      return put(...values)
    }
    return table
  }
  return { root, counted: { openDB } as unknown as RootDatabase, puts }
}

t.test('a run of messages is put as one block, with a receipt for each and one list of them', async (t) => {
  const { root, counted, puts } = await countedDatabase(t)
  const [messages, receipts] = [new LmdbMessages(counted), new LmdbReceipts(counted)]
  const run = span(1, MESSAGES).map((offset) => {
    return { epoch: 'e', offset, messageId: `m${offset}`, timestamp: 0, encoded: Buffer.alloc(200), exclude: [] }
  })
  await root.batch(() => {
    messages.put('room:r', run)
    receipts.put(run.map((receipt) => ({ channel: 'room:r', messageId: receipt.messageId, receipt, expiresAt: 1 })))
  })
  t.strictSame(puts, { blocks: 1, receipts: MESSAGES, 'receipt-lists': 1 })
})

/** Transactions that a server has made in its file so far. */
function transactionsOf(t: Test, file: string): () => number {
  const root = open({ path: file, overlappingSync: false, maxDbs: 16 })
  t.teardown(() => root.close())
  return () => (root.getStats() as { lastTxnId: number }).lastTxnId
}

t.test('what one read brings to a server on disk is one transaction', async (t) => {
  const folder = await temporaryFolder(t)
  const server = await startServer(t, { DATA_DIR: folder }, { clock: new ManualClock() })
  const transactions = transactionsOf(t, path.join(folder, FILE))
  const publisher = await countedClient(server)
  await countFromNow(publisher, [])
  const before = transactions()
  await askTogether(
    publisher,
    span(1, MESSAGES).map((content) => chat(content, `room-${content % 3}`))
  )
  t.equal(transactions() - before, 1)
})
