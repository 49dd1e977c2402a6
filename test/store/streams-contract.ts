import type { Test } from 'tap'
import type { Streams } from '../../src/store/streams.js'
import { testPublishing } from './publishing-contract.js'
import { testPurging } from './purging-contract.js'
import { testReading } from './reading-contract.js'
import { testSubscribing } from './subscribing-contract.js'

/** One implementation under test; not yet started. */
export interface StreamsUnderTest {
  readonly streams: Streams
  /** Time as the store sees it. */
  now(): number
  /** Lets time pass for the store: moves a hand-driven clock, or waits. */
  pass(ms: number): Promise<void>
}

export type CreateStreams = (t: Test) => Promise<StreamsUnderTest>

/** What every implementation of `Streams` must do. Run by one file per implementation. */
export function testStreams(t: Test, createStreams: CreateStreams): void {
  t.test('publishing', async (t) => testPublishing(t, createStreams))
  t.test('reading', async (t) => testReading(t, createStreams))
  t.test('purging', async (t) => testPurging(t, createStreams))
  t.test('subscribing', async (t) => testSubscribing(t, createStreams))
}
