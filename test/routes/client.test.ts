import { readdir } from 'node:fs/promises'
import path from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import roomcast from '../../src/app.js'
import { readClientModules } from '../../src/page/client-modules.js'
import { root } from '../support/root.js'
import { request, startServer } from '../support/server.js'

t.test('the modules of the client are served as JavaScript, without a key', async (t) => {
  const { url } = await startServer(t, { API_KEYS: 'a-key-of-sixteen-letters' })
  const { status, headers } = await fetch(`${url}/client/index.js`)
  t.equal(status, 200)
  t.equal(headers.get('content-type'), 'text/javascript; charset=utf-8')
  t.equal(headers.get('x-content-type-options'), 'nosniff')
})

t.test('they are whole: a module for every source, and each imports only what is served beside it', async (t) => {
  const modules = await readClientModules()
  const sources = await readdir(path.join(root, 'client/src'))
  t.strictSame([...modules.keys()].sort(), sources.map((name) => name.replace(/\.ts$/, '.js')).sort())
  for (const [name, text] of modules) {
    for (const [, target = ''] of text.matchAll(/from '([^']+)'/g)) {
      t.ok(modules.has(target.replace('./', '')), `${name} imports ${target}`)
    }
  }
})

t.test('nothing else is served there', async (t) => {
  const { url } = await startServer(t)
  for (const file of ['client.ts', '..%2f..%2fpackage.json', '%2e%2e%2fpackage.json', 'missing.js', '__proto__', '']) {
    const { status, body } = await request(`${url}/client/${file}`)
    t.match({ status, body }, { status: 404, body: { code: 'not_found' } }, file)
  }
})

t.test('below a prefix they lie beside the page, and the documentation does not list them', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(roomcast, { settings: { DATA_DIR: 'memory' }, prefix: '/push' })
  const headers = { host: '127.0.0.1' }
  t.match((await app.inject({ url: '/push/', headers })).body, "from './client/index.js'")
  t.equal((await app.inject({ url: '/push/client/index.js', headers })).statusCode, 200)
  const { paths } = (await app.inject({ url: '/push/docs/json', headers })).json()
  t.notOk(Object.keys(paths).some((path) => path.includes('client')))
})
