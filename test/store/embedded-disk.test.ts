import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { openEmbeddedStore } from '../../src/store/embedded/embedded-store.js'
import { FolderError } from '../../src/store/embedded/folder-lock.js'
import type { Store } from '../../src/store/store.js'
import { ManualClock } from '../support/manual-clock.js'
import { moduleExtension, moduleRunner } from '../support/root.js'
import { fill, freshChannel, Hearing, offsetsOf, post, span, until } from './hearing.js'

const holderPath = fileURLToPath(new URL(`folder-holder${moduleExtension}`, import.meta.url))

async function temporaryFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-disk-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function open(t: Test, dataDir: string, clock = new ManualClock(Date.now())): Store {
  const store = openEmbeddedStore({
    deviceTtlMs: 60_000,
    sessionTtlMs: 60_000,
    removalTtlMs: 60_000,
    dataDir,
    clock,
    onError: (error) => t.fail(String(error))
  })
  t.teardown(() => store.close())
  return store
}

function refusalOf(action: () => unknown): Error | undefined {
  try {
    action()
  } catch (error) {
    return error as Error
  }
  return undefined
}

interface Holder {
  readonly process: ChildProcess
  readonly lines: string[]
}

/** Another process that opens the folder; ended with the test. */
async function holdElsewhere(t: Test, folder: string, channel?: string): Promise<Holder> {
  const more = channel === undefined ? [] : [channel]
  const child = spawn(process.execPath, [...moduleRunner, holderPath, folder, ...more], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const holder = { process: child, lines: [] as string[] }
  let text = ''
  child.stdout?.on('data', (chunk) => {
    text += chunk
    const complete = text.split('\n')
    text = complete.pop() ?? ''
    holder.lines.push(...complete)
  })
  await until(() => holder.lines.length > 0 || child.exitCode !== null || child.signalCode !== null)
  return holder
}

t.test('everything is there after a folder was closed and opened again', async (t) => {
  const folder = await temporaryFolder(t)
  const [channel, empty] = [freshChannel(), '聊天 {室}/1']
  const first = open(t, folder)
  t.equal(first.durable, 'disk')
  await fill(first.streams, channel, 20, { exclude: ['one'], retention: { size: 15, ttlMs: 3_600_000 } })
  const answer = await post(first.streams, channel, 'last', { messageId: 'mine' })
  const page = await first.streams.read(channel, { limit: 100 })
  const [emptyTop] = await first.streams.subscribe([empty])
  await first.close()

  const second = open(t, folder)
  t.same(await second.streams.read(channel, { limit: 100 }), page)
  t.same(await second.streams.tops([empty]), [emptyTop])
  t.same(await post(second.streams, channel, 'again', { messageId: 'mine' }), { ...answer, duplicate: true })
  const after = page.messages[0]
  const later = await second.streams.read(channel, { after, limit: 100 })
  t.match(later, { continuity: 'contiguous', hasMore: false })
  const { position } = await post(second.streams, channel)
  t.match(position, { epoch: answer.position.epoch, offset: 22 })
})

t.test('closing waits for the publishes that are under way', async (t) => {
  const folder = await temporaryFolder(t)
  const channel = freshChannel()
  const first = open(t, folder)
  const publishing = fill(first.streams, channel, 100)
  const closing = first.close()
  t.same(first.readiness(), { ready: false, reason: 'store is closed' })
  t.equal((await publishing).at(-1)?.position.offset, 100)
  await closing
  await first.close()
  const second = open(t, folder)
  t.same(offsetsOf((await second.streams.read(channel, { limit: 1000 })).messages), span(1, 100))
})

t.test('what was delivered is on the disk', async (t) => {
  const folder = await temporaryFolder(t)
  const channel = freshChannel()
  const store = open(t, folder)
  let seen: number[] = []
  const hearing = new (class extends Hearing {
    override onMessage(...heard: Parameters<Hearing['onMessage']>): void {
      super.onMessage(...heard)
      // Reads see only what was flushed.
      store.streams.read(channel, { limit: 1000 }).then(({ messages }) => {
        seen = offsetsOf(messages)
        t.ok(seen.includes(heard[1].offset))
      })
    }
  })()
  await store.streams.start(hearing)
  await store.streams.subscribe([channel])
  await fill(store.streams, channel, 10)
  await until(() => seen.length === 10)
})

t.test('a folder that another process holds is refused in one line that names it', async (t) => {
  const folder = await temporaryFolder(t)
  const holder = await holdElsewhere(t, folder)
  t.same(holder.lines, ['open'])
  const expected = `DATA_DIR ${folder} is in use by another process: give each server a folder of its own`
  const error = refusalOf(() => open(t, folder))
  t.ok(error instanceof FolderError)
  t.equal(error?.message, expected)
  const second = await holdElsewhere(t, folder)
  t.same(second.lines, [`FolderError: ${expected}`])
  // It refused without harm: the first goes on.
  t.equal(holder.process.exitCode, null)
})

t.test('a folder is refused to a second store of the same process, until the first is closed', async (t) => {
  const folder = await temporaryFolder(t)
  const first = open(t, folder)
  t.ok(refusalOf(() => open(t, folder)) instanceof FolderError)
  await first.close()
  t.same(open(t, folder).readiness(), { ready: true })
})

t.test('a folder can be opened at once after its holder was killed, with all that was acknowledged', async (t) => {
  const folder = await temporaryFolder(t)
  const channel = freshChannel()
  let total = 0
  for (let round = 0; round < 3; round++) {
    const holder = await holdElsewhere(t, folder, channel)
    await until(() => holder.lines.length > 30)
    holder.process.kill('SIGKILL')
    await once(holder.process, 'exit')
    // What it said before it died may still be on its way.
    const acknowledged = Number(holder.lines.at(-1))
    const store = open(t, folder)
    const { messages, top } = await store.streams.read(channel, { limit: 100_000 })
    t.ok((top?.offset ?? 0) >= acknowledged, 'nothing that was acknowledged is lost')
    t.ok((top?.offset ?? 0) > total)
    total = top?.offset ?? 0
    const kept = messages[0]?.offset ?? 0
    t.same(offsetsOf(messages), span(kept, total), 'no hole')
    t.equal(new Set(messages.map(({ epoch }) => epoch)).size, 1)
    await store.close()
  }
})

t.test('a folder that cannot be made is refused in one line', async (t) => {
  const file = path.join(await temporaryFolder(t), 'file')
  await writeFile(file, '')
  for (const dataDir of [file, path.join(file, 'below')]) {
    const error = refusalOf(() => open(t, dataDir))
    t.ok(error instanceof FolderError)
    t.match(error?.message, /^DATA_DIR .+ cannot be opened: .+$/)
    t.ok(error?.message.startsWith(`DATA_DIR ${dataDir} `))
  }
})

t.test('a folder whose file is no database is refused in one line', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(path.join(folder, 'roomcast.mdb'), 'not a database'.repeat(1000))
  // In a process of its own: the store must not take the process down.
  const { lines } = await holdElsewhere(t, folder)
  t.match(lines, [/^FolderError: DATA_DIR .+ cannot be opened: .+$/])
})

t.test('the folder is swept as the clock goes on', async (t) => {
  const folder = await temporaryFolder(t)
  const clock = new ManualClock()
  const store = open(t, folder, clock)
  const channel = freshChannel()
  await post(store.streams, channel, 'hi', { timestamp: clock.now(), retention: { size: 10, ttlMs: 1000 } })
  clock.advance(2 * 86_400_000)
  await until(async () => (await store.streams.read(channel, { limit: 1 })).top === undefined)
})
