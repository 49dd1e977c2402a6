import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Type } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { createHttpServer } from '../../src/app.js'
import { parseConfig } from '../../src/config.js'
import { decodeCommand } from '../../src/protocol/codec.js'
import { commandSchemas } from '../../src/protocol/commands.js'
import { processFaults } from '../hostile/process-faults.js'
import { startRedis } from '../support/redis-server.js'
import { root } from '../support/root.js'
import { temporaryFolder } from '../support/server-process.js'
import { type Case, commandsOf, nameOf, requestsOf } from './actions.js'
import { attack } from './campaign.js'
import { play, type Tally } from './play.js'
import { valuesOf } from './schema-values.js'
import { routesOf, startTarget, type TargetOptions } from './target.js'

const RUNS = 40
/** Another, and many more: `npm run fuzz`. */
const SEED = 20_261_123
const corpus: Array<{ title: string; case: Case }> = JSON.parse(
  readFileSync(path.join(root, 'test/fuzz/corpus.json'), 'utf8')
)

async function optionsOf(t: Test): Promise<TargetOptions[]> {
  const { url } = await startRedis(t)
  return [
    { title: 'disk', settings: { DATA_DIR: await temporaryFolder(t) }, guarded: false },
    { title: 'redis', settings: { REDIS_URL: url, REDIS_PREFIX: randomUUID() }, guarded: false },
    { title: 'tokens', settings: {}, guarded: true }
  ]
}

t.test('for each message there are values, and they fit', async (t) => {
  for (const [type, schema] of Object.entries(commandSchemas)) {
    const check = TypeCompiler.Compile(schema)
    const odd = fc.sample(commandsOf(type), 50).filter((message) => !check.Check(message))
    t.strictSame(odd, [], type)
  }
  t.throws(() => decodeCommand('{"type":"read_history","room":"r","group":"g"}'))
})

t.test('for each route there are requests, whatever it takes', async (t) => {
  const app = createHttpServer(parseConfig({ DATA_DIR: 'memory', LOG_LEVEL: 'error' }))
  t.teardown(() => app.close())
  const routes = routesOf(app)
  await app.ready()
  t.ok(routes.length > 40, `${routes.length}`)
  for (const route of routes) {
    const parameters = [...route.url.matchAll(/:(\w+)/g)].map(([, name]) => name as string)
    const known = Object.keys(route.schema.params?.properties ?? {})
    const isListed = route.url.startsWith('/client/') || route.url.startsWith('/docs')
    if (!isListed) t.strictSame(known.sort(), parameters.sort(), `${nameOf(route)} says what its parameters are`)
    const requests = fc.sample(requestsOf(route, []), 20)
    t.ok(
      requests.every((bytes) => bytes.startsWith(`${route.method} /`)),
      nameOf(route)
    )
    const { body } = route.schema
    if (body === undefined) continue
    const check = TypeCompiler.Compile(body)
    const odd = fc.sample(valuesOf(body), 20).filter((value) => !check.Check(value))
    t.strictSame(odd, [], nameOf(route))
  }
})

t.test('of what is not known no values are made', async (t) => {
  t.throws(() => valuesOf(Type.Date()), { message: /no values/ })
  t.throws(() => valuesOf(Type.String({ format: 'date-time' })), { message: /no texts/ })
})

t.test('nothing that is sent does harm', async (t) => {
  const faults = processFaults(t) as unknown[]
  for (const options of await optionsOf(t)) {
    const target = await startTarget(t, options)
    for (const { title, case: known } of corpus) {
      await t.resolves(play(target, known), `${title} (${options.title})`)
      t.strictSame(faults, [])
    }
    const tally: Tally = new Map()
    t.equal(await attack(target, { seed: SEED, runs: RUNS, tally, faults }), undefined, options.title)
    t.ok(tally.size > 50, `${tally.size} kinds of answers`)
  }
})
