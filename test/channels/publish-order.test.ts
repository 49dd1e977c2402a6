import t from 'tap'
import { PublishOrder } from '../../src/channels/publish-order.js'

function gate(): { check: Promise<void>; open: () => void; refuse: () => void } {
  let [open, refuse] = [() => {}, () => {}]
  const check = new Promise<void>((resolve, reject) => {
    open = resolve
    refuse = () => reject(new Error('refused'))
  })
  return { check, open, refuse }
}

function setUp() {
  const order = new PublishOrder()
  const begun: number[] = []
  const connection = {}
  const run = (n: number, check?: Promise<void>, owner: object = connection, key = 'g') => {
    const begin = async () => {
      begun.push(n)
      return n
    }
    return order.run(owner, key, { check: check && (() => check), store: begin })
  }
  return { begun, run }
}

t.test('without a check everything begins at once', async (t) => {
  const { begun, run } = setUp()
  const first = run(1)
  const second = run(2)
  t.strictSame(begun, [1, 2])
  t.strictSame(await Promise.all([first, second]), [1, 2])
})

t.test('what needs no check does not overtake what is checked still', async (t) => {
  const { begun, run } = setUp()
  const [first, second] = [gate(), gate()]
  const all = [run(1, first.check), run(2, second.check), run(3)]
  second.open()
  await second.check
  t.strictSame(begun, [])
  first.open()
  t.strictSame(await Promise.all(all), [1, 2, 3])
  t.strictSame(begun, [1, 2, 3])
  const later = run(4)
  t.strictSame(begun, [1, 2, 3, 4], 'and later ones begin at once again')
  await later
})

t.test('one that comes while the last of those before begins is not earlier', async (t) => {
  const { begun, run } = setUp()
  const first = gate()
  const all = [run(1, first.check)]
  first.open()
  for (let n = 2; n <= 12; n++) {
    await Promise.resolve()
    all.push(run(n))
  }
  await Promise.all(all)
  t.strictSame(begun, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
})

t.test('one that is refused holds nobody up', async (t) => {
  const { begun, run } = setUp()
  const first = gate()
  const refused = run(1, first.check)
  const second = run(2)
  first.refuse()
  await t.rejects(refused, { message: 'refused' })
  await second
  t.strictSame(begun, [2])
})

t.test('other owners and keys do not wait', async (t) => {
  const { begun, run } = setUp()
  const first = gate()
  const held = run(1, first.check)
  await Promise.all([run(2, undefined, {}), run(3, undefined, undefined, 'another')])
  t.strictSame(begun, [2, 3])
  first.open()
  await held
})
