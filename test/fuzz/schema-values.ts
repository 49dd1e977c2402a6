import type { TSchema } from '@sinclair/typebox'
import fc, { type Arbitrary } from 'fast-check'
import { isIdFormat } from '../../src/protocol/ids.js'
import { TIMESTAMP_FORMAT } from '../../src/protocol/timestamp.js'

/** Of few names, so that cases meet each other, and none of them is a thing to count on. */
export const names = [
  'a',
  'b',
  'lobby',
  '聊天',
  '😀',
  '__proto__',
  'constructor',
  'toString',
  '*',
  '{a}b',
  'a:b',
  'a b/c?d=e&f#g%41',
  '"\\',
  '...',
  '\u2028',
  'x'.repeat(128)
]
/** The longest text that is made for a schema which sets no limit. */
const LETTERS_MAX = 300

/** Values that fit a schema. Throws for a schema that it does not know: then it has to learn it. */
export function valuesOf(schema: TSchema): Arbitrary<unknown> {
  if (Array.isArray(schema.anyOf)) return fc.oneof(...schema.anyOf.map(valuesOf))
  if ('const' in schema) return fc.constant(schema.const)
  switch (schema.type) {
    case 'object':
      return objectsOf(schema)
    case 'array':
      return fc.array(valuesOf(schema.items), {
        minLength: schema.minItems,
        maxLength: Math.min(schema.maxItems ?? 5, 5)
      })
    case 'string':
      return textsOf(schema)
    case 'integer':
      return integersOf(schema)
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case undefined:
      return fc.jsonValue({ maxDepth: 4 })
    default:
      throw new Error(`no values are made for ${JSON.stringify(schema)}`)
  }
}

function objectsOf({ properties = {}, required = [], patternProperties }: TSchema): Arbitrary<unknown> {
  const [rest] = Object.values(patternProperties ?? {})
  if (rest !== undefined) return fc.dictionary(fc.constantFrom(...names), valuesOf(rest as TSchema), { maxKeys: 3 })
  const fields = Object.entries<TSchema>(properties).map(([name, schema]) => {
    const values = valuesOf(schema)
    return [name, required.includes(name) ? values : fc.option(values, { nil: undefined, freq: 2 })] as const
  })
  return fc.record<Record<string, unknown>>(Object.fromEntries(fields)).map((record) => {
    return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
  })
}

function textsOf({ format, pattern, minLength = 0, maxLength = LETTERS_MAX }: TSchema): Arbitrary<string> {
  if (isIdFormat(format)) return fc.constantFrom(...names)
  if (format === TIMESTAMP_FORMAT) return moments
  if (format !== undefined) throw new Error(`no texts are made of the format ${format}`)
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern))
  return fc.oneof(fc.string({ minLength, maxLength }), fc.string({ unit: 'binary', minLength, maxLength: 20 }))
}

/** As `Timestamp` takes them, past and to come. */
const moments = fc
  .date({ min: new Date(0), max: new Date(Date.UTC(2100, 0, 1)), noInvalidDate: true })
  .map((date) => date.toISOString())

/** Small ones as often as any. */
function integersOf({ minimum = -1000, maximum = Number.MAX_SAFE_INTEGER }: TSchema): Arbitrary<number> {
  return fc.oneof(fc.integer({ min: minimum, max: Math.min(minimum + 20, maximum) }), fc.maxSafeInteger().map(bounded))

  function bounded(value: number): number {
    return Math.min(Math.max(value, minimum), maximum)
  }
}
