import type { TSchema } from '@sinclair/typebox'
import t from 'tap'
import { createHttpServer } from '../../src/app.js'
import { parseConfig } from '../../src/config.js'
import { commandSchemas } from '../../src/protocol/commands.js'
import { nameOf } from '../fuzz/actions.js'
import { routesOf } from '../fuzz/target.js'

/** Bounded elsewhere, and how. */
const elsewhere: Record<string, string> = {
  'authenticate.token': 'over 8 KB it is not decoded, and a message has its size',
  'resume.positions': 'rooms that the session is not in are not looked at, and a message has its size'
}

/** Paths of the texts, lists and numbers of a schema that may be as large as one likes. */
function unbounded(schema: TSchema, place: string): string[] {
  const { type, format, pattern, maxLength, maxItems, maximum, items, properties = {}, patternProperties } = schema
  if (type === 'string' && format === undefined && pattern === undefined && maxLength === undefined) return [place]
  if (type === 'integer' && maximum === undefined) return [place]
  if (type === 'array') return [...(maxItems === undefined ? [place] : []), ...unbounded(items, `${place}[]`)]
  if (patternProperties !== undefined) return [place]
  return Object.entries<TSchema>(properties).flatMap(([name, field]) => unbounded(field, `${place}.${name}`))
}

t.test('every text and every list that comes from outside has a largest size', async (t) => {
  const app = createHttpServer(parseConfig({ DATA_DIR: 'memory', LOG_LEVEL: 'error' }))
  t.teardown(() => app.close())
  const routes = routesOf(app)
  await app.ready()
  const commands = Object.entries<TSchema>(commandSchemas).flatMap(([type, schema]) => unbounded(schema, type))
  const parts = routes.flatMap((route) =>
    (['params', 'querystring', 'headers', 'body'] as const).flatMap((part) => {
      const schema = route.schema[part]
      return schema === undefined ? [] : unbounded(schema, `${nameOf(route)} ${part}`)
    })
  )
  t.strictSame(
    [...commands, ...parts].filter((place) => !(place in elsewhere)),
    []
  )
})
