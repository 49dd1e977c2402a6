import type { Test } from 'tap'
import type { KeptRevocation } from '../../src/store/revocations.js'
import type { Store } from '../../src/store/store.js'
import { type CreateStore, strangeIds } from './store-under-test.js'

const HOUR_MS = 3_600_000

/** What every implementation of `Revocations` must do. Run on every store. */
export function testRevocations(t: Test, createStore: CreateStore): void {
  t.test('a store that was never told of one has none', async (t) => {
    const { store } = await createStore(t)
    t.same(await store.revocations.list({ limit: 10 }), { revocations: [], nextCursor: undefined })
  })

  t.test('each is listed as it was given, in the order of their ends', async (t) => {
    const { store, clock } = await createStore(t)
    const expiresAt = clock.now() + HOUR_MS
    const given: KeptRevocation[] = [
      { userId: 'ann', expiresAt: expiresAt + 3 },
      { tokenId: 't1', expiresAt: expiresAt + 2 },
      { issuedBefore: clock.now(), expiresAt: expiresAt + 1 },
      { userId: 'ann', tokenId: 't1', issuedBefore: 0, expiresAt }
    ]
    for (const revocation of given) await store.revocations.record(revocation)
    t.strictSame(await all(store), given.toReversed())
  })

  t.test('one that is given again is there once, until the later end', async (t) => {
    const { store, clock } = await createStore(t)
    const expiresAt = clock.now() + HOUR_MS
    await store.revocations.record({ userId: 'ann', expiresAt })
    await store.revocations.record({ userId: 'bob', expiresAt: expiresAt + 1 })
    await store.revocations.record({ userId: 'ann', expiresAt: expiresAt + 2 })
    t.strictSame(await all(store), [
      { userId: 'bob', expiresAt: expiresAt + 1 },
      { userId: 'ann', expiresAt: expiresAt + 2 }
    ])
  })

  t.test('no name stands for another', async (t) => {
    const { store, clock } = await createStore(t)
    const expiresAt = clock.now() + HOUR_MS
    const given = strangeIds.flatMap((id) => [
      { userId: id, expiresAt },
      { tokenId: id, expiresAt },
      { userId: id, tokenId: id, expiresAt }
    ])
    for (const revocation of given) await store.revocations.record(revocation)
    t.strictSame(sorted(await all(store)), sorted(given))
  })

  t.test('a page goes on where the one before ended, also among those that end together', async (t) => {
    const { store, clock } = await createStore(t)
    const expiresAt = clock.now() + HOUR_MS
    const given = Array.from({ length: 25 }, (_, index) => ({ tokenId: `t${index}`, expiresAt }))
    await Promise.all(given.map((revocation) => store.revocations.record(revocation)))
    const found: KeptRevocation[] = []
    let cursor: string | undefined
    for (const size of [10, 10, 5]) {
      const page = await store.revocations.list({ limit: 10, cursor })
      t.equal(page.revocations.length, size)
      found.push(...page.revocations)
      cursor = page.nextCursor
    }
    t.equal(cursor, undefined)
    t.strictSame(sorted(found), sorted(given))
    t.same(
      await store.revocations.list({ limit: 25 }),
      { revocations: found, nextCursor: undefined },
      'no page is empty'
    )
    t.match(await store.revocations.list({ limit: 1, cursor: 'nonsense' }), { revocations: { length: 0 } })
  })

  t.test('what is over is gone, and takes nothing along', async (t) => {
    const { store, clock } = await createStore(t)
    // Before the store looks for them: what is over is not shown, whether it was swept or not.
    const expiresAt = clock.now() + HOUR_MS - 500
    await store.revocations.record({ userId: 'later', expiresAt: expiresAt + 2 * HOUR_MS })
    await store.revocations.record({ userId: 'ann', expiresAt })
    await store.revocations.record({ userId: 'bob', expiresAt: expiresAt + 1 })
    clock.advance(HOUR_MS - 501)
    t.equal((await all(store)).length, 3)
    clock.advance(1)
    t.match(await all(store), [{ userId: 'bob' }, { userId: 'later' }])
    t.match((await store.revocations.list({ limit: 1 })).revocations, [{ userId: 'bob' }])
    clock.advance(HOUR_MS)
    await store.revocations.record({ userId: 'eve', expiresAt: expiresAt + 3 * HOUR_MS })
    t.match(await all(store), [{ userId: 'later' }, { userId: 'eve' }])
  })

  t.test('what ended between two pages is on none', async (t) => {
    const { store, clock } = await createStore(t)
    const expiresAt = clock.now() + HOUR_MS - 500
    for (const [index, userId] of ['ann', 'bob', 'eve'].entries()) {
      await store.revocations.record({ userId, expiresAt: expiresAt + index })
    }
    const { nextCursor } = await store.revocations.list({ limit: 1 })
    clock.advance(HOUR_MS - 499)
    t.match(await store.revocations.list({ limit: 10, cursor: nextCursor }), { revocations: [{ userId: 'eve' }] })
  })

  t.test('revocations are there for whoever comes later', async (t) => {
    const { store, clock, another } = await createStore(t)
    if (another === undefined) return t.pass('nothing outlives the memory')
    const given = { userId: 'ann', tokenId: 't1', issuedBefore: clock.now(), expiresAt: clock.now() + HOUR_MS }
    await store.revocations.record(given)
    t.strictSame(await all((await another()).store), [given])
  })
}

async function all({ revocations }: Store): Promise<KeptRevocation[]> {
  return (await revocations.list({ limit: 1000 })).revocations
}

function sorted(revocations: readonly KeptRevocation[]): string[] {
  return revocations.map(({ userId, tokenId }) => JSON.stringify([userId, tokenId])).sort()
}
