import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Test } from 'tap'
import { MEMORY, openEmbeddedStore } from '../../src/store/embedded/embedded-store.js'
import { openRedisStore } from '../../src/store/redis/redis-store.js'
import type { Store } from '../../src/store/store.js'
import { ManualClock } from '../support/manual-clock.js'
import { connect } from './redis-harness.js'

/** How long the store under test remembers things, in milliseconds. */
export interface Ttls {
  readonly deviceTtlMs: number
  readonly sessionTtlMs: number
  readonly removalTtlMs: number
}

const defaults: Ttls = { deviceTtlMs: 60_000, sessionTtlMs: 60_000, removalTtlMs: 60_000 }

export interface StoreUnderTest {
  readonly store: Store
  /** What the store goes by, except where Redis lets something expire by itself. */
  readonly clock: ManualClock
  /** Lets a little time pass, for conditions that are waited for. */
  tick(): void
  /**
   * The same data as another finds them: a later process (on disk, where this one is closed first), or another node
   * (Redis). Undefined where nothing is kept.
   */
  readonly another: (() => Promise<StoreUnderTest>) | undefined
}

export type CreateStore = (t: Test, ttls?: Partial<Ttls>) => Promise<StoreUnderTest>

export async function storeInMemory(t: Test, ttls: Partial<Ttls> = {}): Promise<StoreUnderTest> {
  return openEmbedded(t, MEMORY, { ...defaults, ...ttls })
}

export async function storeOnDisk(t: Test, ttls: Partial<Ttls> = {}): Promise<StoreUnderTest> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-store-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return openEmbedded(t, folder, { ...defaults, ...ttls })
}

function openEmbedded(t: Test, dataDir: string, ttls: Ttls, clock = new ManualClock(Date.now())): StoreUnderTest {
  const store = openEmbeddedStore({ ...ttls, dataDir, clock, onError: (error) => t.fail(String(error)) })
  t.teardown(() => store.close())
  const reopen = async () => {
    await store.close()
    return openEmbedded(t, dataDir, ttls, clock)
  }
  return { store, clock, tick: () => clock.advance(100), another: dataDir === MEMORY ? undefined : reopen }
}

/** A node of its own cluster, with its lease. */
export async function storeOnRedis(
  t: Test,
  url: string,
  ttls: Partial<Ttls> = {},
  prefix: string = randomUUID()
): Promise<StoreUnderTest> {
  const connections = await connect(t, url)
  const clock = new ManualClock(Date.now())
  const store = await openRedisStore({
    ...defaults,
    ...ttls,
    graceMs: 0,
    connections,
    url,
    prefix,
    clock,
    onDeaf: () => {},
    onError: () => {}
  })
  t.teardown(() => store.close())
  await store.nodes.start({ onDeparture: () => {}, onLeaseLost: () => {} }, () => 0)
  // The clock of Redis goes by itself: this one keeps step with the waiting.
  return { store, clock, tick: () => clock.advance(20), another: () => storeOnRedis(t, url, ttls, prefix) }
}

/** Ids that a careless key would mix up. */
export const strangeIds = [
  'a',
  'A',
  'a:b',
  'a:b:c',
  ':a',
  'b:c',
  '1:a',
  '{a}',
  '{a}b',
  'a b',
  ' a',
  '../x',
  '*',
  '[',
  '(a',
  '0',
  '1',
  'é',
  'e\u0301',
  '聊天 室/1',
  '\u{1f600}',
  '\uffff',
  '__proto__',
  '__proto_',
  'constructor',
  'toString',
  'x'.repeat(128)
] as const
