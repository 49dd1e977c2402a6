import t from 'tap'
import { SharedReads } from '../../src/channels/shared-reads.js'

function held() {
  const reads = new SharedReads<number>()
  const made: Array<{ key: string; resolve: (value: number) => void; reject: (error: Error) => void }> = []
  const share = (key: string) =>
    reads.share(key, () => new Promise((resolve, reject) => made.push({ key, resolve, reject })))
  return { reads, made, share }
}

t.test('whoever asks for what is being read gets the same answer', async (t) => {
  const { reads, made, share } = held()
  const asked = [share('a'), share('a'), share('b'), share('a')]
  t.same(
    made.map(({ key }) => key),
    ['a', 'b']
  )
  t.equal(reads.size, 2)
  made[1]?.resolve(2)
  made[0]?.resolve(1)
  t.same(await Promise.all(asked), [1, 1, 2, 1])
  t.equal(reads.size, 0)
})

t.test('whoever asks later is read for anew', async (t) => {
  const { made, share } = held()
  const first = share('a')
  made[0]?.resolve(1)
  t.equal(await first, 1)
  const second = share('a')
  made[1]?.resolve(2)
  t.equal(await second, 2)
})

t.test('a read that fails fails for all who share it, and for nobody later', async (t) => {
  const { reads, made, share } = held()
  const asked = [share('a'), share('a')]
  made[0]?.reject(new Error('away'))
  for (const one of asked) await t.rejects(one, { message: 'away' })
  t.equal(reads.size, 0)
  const later = share('a')
  made[1]?.resolve(1)
  t.equal(await later, 1)
})
