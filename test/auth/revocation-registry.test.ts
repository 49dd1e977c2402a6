import t from 'tap'
import { RevocationRegistry, type RevocationRegistryOptions } from '../../src/auth/revocation-registry.js'
import type { KeptRevocation } from '../../src/store/revocations.js'
import { ManualClock } from '../support/manual-clock.js'

const DAY_MS = 86_400_000

t.test('a node that starts learns all of them, however many pages they are', async (t) => {
  const clock = new ManualClock()
  const kept = Array.from(
    { length: 2500 },
    (_, n): KeptRevocation => ({ userId: `user ${n}`, expiresAt: clock.now() + DAY_MS })
  )
  const list = async ({ limit, cursor = '0' }: { limit: number; cursor?: string | undefined }) => {
    const end = Number(cursor) + limit
    return { revocations: kept.slice(Number(cursor), end), nextCursor: end < kept.length ? String(end) : undefined }
  }
  const options = {
    revocations: { list },
    clock,
    control: { subscribe: () => {} },
    pool: { all: () => [] },
    rooms: { endGraceWhere: () => {} }
  }
  const registry = new RevocationRegistry(options as unknown as RevocationRegistryOptions)
  t.teardown(() => registry.close())
  await registry.load()
  t.equal(registry.size, kept.length)
  t.ok(kept.every(({ userId = '' }) => registry.isRevoked({ userId })))
  t.notOk(registry.isRevoked({ userId: 'user 2500' }))
})
