import t from 'tap'
import { RevocationIndex, takesBack } from '../../src/auth/revocation-index.js'
import type { Revocation } from '../../src/store/revocations.js'

const NOW = 1_000_000
const END = 2_000_000

const alice = { userId: 'alice', tokenId: 'a1', issuedAt: 5000 }

function indexOf(...revocations: Revocation[]): RevocationIndex {
  const index = new RevocationIndex()
  for (const revocation of revocations) index.add({ ...revocation, expiresAt: END })
  return index
}

t.test('a token is revoked where everything that a revocation gives fits it', async (t) => {
  for (const [revocation, isRevoked] of [
    [{ userId: 'alice' }, true],
    [{ userId: 'bob' }, false],
    [{ tokenId: 'a1' }, true],
    [{ tokenId: 'a2' }, false],
    [{ issuedBefore: 5001 }, true],
    [{ issuedBefore: 5000 }, false],
    [{ userId: 'alice', tokenId: 'a1' }, true],
    [{ userId: 'alice', tokenId: 'a2' }, false],
    [{ userId: 'bob', tokenId: 'a1' }, false],
    [{ userId: 'alice', issuedBefore: 5001 }, true],
    [{ userId: 'alice', issuedBefore: 5000 }, false],
    [{ tokenId: 'a1', issuedBefore: 4000 }, false],
    [{ userId: 'alice', tokenId: 'a1', issuedBefore: 6000 }, true]
  ] as const) {
    t.equal(indexOf(revocation).covers(alice, NOW), isRevoked, JSON.stringify(revocation))
    t.equal(takesBack(revocation, alice), isRevoked, `${JSON.stringify(revocation)} alone`)
  }
  t.notOk(indexOf().covers(alice, NOW))
})

t.test('a token without a time of issue counts as issued before, one without an id has none', async (t) => {
  const bare = { userId: 'alice' }
  t.ok(indexOf({ issuedBefore: 1 }).covers(bare, NOW))
  t.ok(indexOf({ userId: 'alice', issuedBefore: 1 }).covers(bare, NOW))
  t.notOk(indexOf({ tokenId: 'a1' }).covers(bare, NOW))
  t.notOk(indexOf({ tokenId: '' }).covers(bare, NOW))
  t.ok(indexOf({ userId: 'alice' }).covers(bare, NOW))
  t.ok(takesBack({ issuedBefore: 1 }, bare))
  t.notOk(takesBack({ tokenId: '' }, bare))
})

t.test('who has no token is touched by none', async (t) => {
  t.notOk(indexOf({ issuedBefore: END }, { userId: 'null' }).covers({ userId: null }, NOW))
  t.notOk(takesBack({ issuedBefore: END }, { userId: null }))
})

t.test('a later revocation does not weaken an earlier one', async (t) => {
  const index = indexOf({ userId: 'alice' }, { userId: 'alice', issuedBefore: 4000 })
  t.ok(index.covers(alice, NOW))
  const grown = indexOf({ userId: 'alice', issuedBefore: 4000 }, { userId: 'alice', issuedBefore: 6000 })
  t.ok(grown.covers(alice, NOW))
  t.ok(indexOf({ userId: 'alice', issuedBefore: 6000 }, { userId: 'alice', issuedBefore: 4000 }).covers(alice, NOW))
})

t.test('each is in force until its own end, and forgotten then', async (t) => {
  const index = new RevocationIndex()
  index.add({ userId: 'alice', issuedBefore: 4000, expiresAt: 300 })
  index.add({ userId: 'alice', expiresAt: 100 })
  index.add({ userId: 'alice', expiresAt: 200 })
  index.add({ userId: 'alice', expiresAt: 150 })
  t.equal(index.size, 2)
  t.ok(index.covers(alice, 199))
  t.notOk(index.covers(alice, 200))
  t.ok(index.covers({ ...alice, issuedAt: 3999 }, 299))
  index.sweep(199)
  t.equal(index.size, 2)
  index.sweep(200)
  t.equal(index.size, 1)
  t.ok(index.covers({ ...alice, issuedAt: 3999 }, 200))
  index.sweep(300)
  t.same([index.size, [...index.all()]], [0, []])
  t.notOk(index.covers({ ...alice, issuedAt: 3999 }, 1))
})

t.test('a revocation of nothing at all is none', async (t) => {
  const index = indexOf({})
  t.equal(index.size, 0)
  t.notOk(index.covers(alice, NOW))
})
