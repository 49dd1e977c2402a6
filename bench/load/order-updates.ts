const BYTES = 2048
const STATUSES = ['accepted', 'picking', 'packed', 'handed to the carrier', 'delivered']
const CITIES = ['Lisbon', 'Gothenburg', 'Kraków', 'Marseille', 'Thessaloniki', 'Rotterdam']
const NAMES = ['Ana Duarte', 'Mikael Lindqvist', 'Zofia Wrona', 'Hugo Besson', 'Eleni Pappas', 'Joris van Dam']
const NOTES = [
  'Leave it with the neighbour on the second floor.',
  'Ring twice, the bell is quiet.',
  'Two parcels, the second one follows tomorrow.',
  'Customer asked for a morning slot.',
  'Fragile, keep upright.'
]
const FIRST_DAY_MS = Date.UTC(2026, 0, 1)
const DAY_MS = 86_400_000

/**
 * What a shop would tell the screens of its packers: changed orders, as JSON of some 2 KB. Names repeat, numbers, ids and
 * times do not. The same for the same number.
 */
export function orderUpdate(number: number): { readonly kind: string; readonly orders: readonly object[] } {
  const random = randomOf(number)
  const update = { kind: 'orders_changed', warehouse: `w${number % 5}`, sequence: number, orders: [] as object[] }
  while (JSON.stringify(update).length < BYTES) update.orders.push(order(random))
  return update
}

function order(random: (limit: number) => number): object {
  const pick = (list: readonly string[]) => list[random(list.length)]
  return {
    id: `${hex(random)}-${hex(random)}`,
    status: pick(STATUSES),
    customer: { name: pick(NAMES), city: pick(CITIES), returning: random(2) === 1 },
    items: 1 + random(9),
    total: random(50_000) / 100,
    currency: 'EUR',
    changed_at: new Date(FIRST_DAY_MS + random(DAY_MS)).toISOString(),
    note: random(3) === 0 ? pick(NOTES) : null
  }
}

function hex(random: (limit: number) => number): string {
  return random(2 ** 32)
    .toString(16)
    .padStart(8, '0')
}

/** Whole numbers from 0 up to a limit of at most 2 ** 32, the same for the same seed (mulberry32). */
function randomOf(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
}
