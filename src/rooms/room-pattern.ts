import { isId } from '../protocol/ids.js'
import { RoomDefinitionError } from './definition-error.js'

type ParamName<Segment extends string> = Segment extends `:${infer Name}` ? Name : never
type ParamNames<Pattern extends string> = Pattern extends `${infer Segment}/${infer Rest}`
  ? ParamName<Segment> | ParamNames<Rest>
  : ParamName<Pattern>

/** What a pattern takes from a room's name: `'chat/:id'` gives `{ id: string }`. */
export type RoomParams<Pattern extends string> = { readonly [Name in ParamNames<Pattern>]: string }

type Segment = { readonly literal: string } | { readonly param: string }

/** Names of rooms, segment by segment. */
export interface RoomPattern {
  readonly text: string
  readonly segments: readonly Segment[]
}

const paramName = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * Reads a pattern: segments between `/`, each taken as it stands, or `:name` for any one segment that is not empty.
 * Throws `RoomDefinitionError`.
 */
export function parsePattern(text: string): RoomPattern {
  const fail = (fault: string) => new RoomDefinitionError(text, fault)
  const segments = text.split('/').map((segment): Segment => {
    if (segment === '') throw fail('a segment is empty')
    if (segment.includes('*')) throw fail('* stands for nothing here; a segment is a text or :name')
    if (!segment.startsWith(':')) return { literal: segment }
    if (!paramName.test(segment.slice(1))) throw fail(`${JSON.stringify(segment)} is no name of a parameter`)
    return { param: segment.slice(1) }
  })
  const names = segments.flatMap((segment) => ('param' in segment ? segment.param : []))
  if (new Set(names).size < names.length) throw fail('a parameter stands twice')
  if (!isId(shapeOf({ text, segments }, 'x'))) throw fail('no room can have such a name')
  return { text, segments }
}

/** The pattern with every parameter named alike: two with the same shape match the same rooms. */
export function shapeOf({ segments }: RoomPattern, param = ':'): string {
  return segments.map((segment) => ('param' in segment ? param : segment.literal)).join('/')
}

/** The parameters that a room's name, given in its segments, has for this pattern; undefined where it does not fit. */
export function matchPattern(
  { segments }: RoomPattern,
  parts: readonly string[]
): Readonly<Record<string, string>> | undefined {
  if (parts.length !== segments.length) return undefined
  const params: Array<[name: string, value: string]> = []
  for (const [index, segment] of segments.entries()) {
    const part = parts[index] ?? ''
    if ('param' in segment && part !== '') params.push([segment.param, part])
    else if (!('literal' in segment) || segment.literal !== part) return undefined
  }
  return Object.fromEntries(params)
}
