import fc, { type Arbitrary } from 'fast-check'

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

/** Texts that may stand where a value of JSON stands, some of which are none. */
const odd = [
  'null',
  'true',
  '-1',
  '-0',
  '0.5',
  '1e400',
  '9007199254740993',
  'NaN',
  '""',
  '" "',
  '"."',
  '"\\ud800"',
  '"\\u0000"',
  '"__proto__"',
  '"anonymous:x"',
  '[]',
  '{}',
  '{"__proto__":{"admin":true}}',
  '{"constructor":{"prototype":1}}',
  `"${'x'.repeat(129)}"`,
  `"${'聊'.repeat(30_000)}"`,
  nested(63),
  nested(65),
  nested(5000)
]
const foreign = fc.oneof(
  fc.constantFrom(...odd),
  fc.json({ maxDepth: 3 }),
  fc.string().map((text) => JSON.stringify(text))
)
const extra = fc.constantFrom('"__proto__":{"a":1}', '"constructor":{"prototype":{}}', '"type":"heartbeat"', '"x":1')

type Fields = Record<string, unknown>
type Spoil = (fields: Fields) => string

const drop = fc.nat().map(
  (at): Spoil =>
    (fields) =>
      JSON.stringify(without(fields, at))
)
const add = extra.map(
  (field): Spoil =>
    (fields) =>
      `{${field}${Object.keys(fields).length ? ',' : ''}${JSON.stringify(fields).slice(1)}`
)
const replace = fc.tuple(fc.nat(), fc.boolean(), foreign).map(
  ([at, deep, text]): Spoil =>
    (fields) =>
      replaced(fields, { at, deep, text })
)
const cut = fc.nat().map(
  (at): Spoil =>
    (fields) => {
      const text = JSON.stringify(fields)
      return text.slice(0, at % text.length)
    }
)
const slip = fc.tuple(fc.nat(), fc.string({ unit: 'binary', maxLength: 3 })).map(
  ([at, piece]): Spoil =>
    (fields) => {
      const text = JSON.stringify(fields)
      const place = at % text.length
      return `${text.slice(0, place)}${piece}${text.slice(place)}`
    }
)

/** Objects as text with something wrong about them, or at least with something else. */
export function spoiled(objects: Arbitrary<unknown>): Arbitrary<string> {
  const ways = fc.oneof({ arbitrary: replace, weight: 4 }, drop, add, cut, slip)
  return fc.tuple(objects, ways).map(([fields, spoil]) => spoil(fields as Fields))
}

/** Any JSON at all. */
export const anyJson: Arbitrary<string> = fc.oneof(foreign, fc.json())

function without(fields: Fields, at: number): Fields {
  const name = pick(Object.keys(fields), at)
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name))
}

interface Replacement {
  readonly at: number
  /** Within the field, where that is an object or a list itself. */
  readonly deep: boolean
  readonly text: string
}

function replaced(fields: object, { at, deep, text }: Replacement): string {
  const name = pick(Object.keys(fields), at)
  const parts = Object.entries(fields).map(([key, value]) => {
    const written = key === name ? within(value, { at, deep, text }) : JSON.stringify(value)
    return Array.isArray(fields) ? written : `${JSON.stringify(key)}:${written}`
  })
  return Array.isArray(fields) ? `[${parts}]` : `{${parts}}`
}

function within(value: unknown, replacement: Replacement): string {
  const descends = replacement.deep && typeof value === 'object' && value !== null && Object.keys(value).length > 0
  return descends ? replaced(value, replacement) : replacement.text
}

function pick(keys: readonly string[], at: number): string | undefined {
  return keys[at % Math.max(keys.length, 1)]
}
