import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { root } from './support/root.js'

const fileLinesMax = 400

const ports = [
  'streams',
  'presence',
  'nodes',
  'cursors',
  'sessions',
  'groups',
  'removals',
  'revocations',
  'pub-sub',
  'ingest-log',
  'store'
]
const storePorts = ports.map((port) => `src/store/${port}`)
const storeParts = [
  ...storePorts,
  'src/store/record',
  'src/store/revocation-entry',
  'src/store/continuity',
  'src/store/answered',
  'src/clock',
  'src/deadlines',
  'src/few',
  'src/random',
  'src/protocol/ids'
]
const domain = [
  'src/clock',
  'src/deadline',
  'src/few',
  'src/few-map',
  'src/random',
  'src/errors',
  'src/protocol',
  'src/connections',
  'src/channels',
  ...storePorts
]

/**
 * Who may import what, besides its own folder and Node. The longest matching path wins. A file that stands in `src`
 * without a folder has a row of its own.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'src/protocol': ['src/errors', '@sinclair/typebox', 'secure-json-parse'],
  'src/store': ['src/protocol/values', 'src/errors'],
  'src/store/embedded': [...storeParts, 'src/errors', 'lmdb', 'fs-native-extensions'],
  'src/store/redis': [...storeParts, 'src/errors', 'ioredis'],
  'src/connections': ['src/auth/grant', 'src/clock', 'src/errors', 'src/few', 'src/protocol'],
  'src/connections/socket-transport': ['src/protocol', 'src/connections', 'ws'],
  'src/connections/deflate-offers': ['ws'],
  'src/channels': [
    'src/clock',
    'src/few',
    'src/random',
    'src/errors',
    'src/protocol',
    'src/connections',
    ...storePorts
  ],
  'src/control': [...domain, '@sinclair/typebox'],
  'src/rooms': [...domain, 'src/control', 'src/presence', '@sinclair/typebox'],
  'src/presence': ['src/clock'],
  'src/users': [...domain, 'src/presence'],
  'src/users/removal-registry': [...domain, 'src/control', 'src/presence', 'src/rooms', 'src/sessions'],
  'src/inbox': domain,
  'src/groups': [...domain, 'src/control', 'src/inbox', 'src/presence'],
  'src/sessions': [...domain, 'src/presence', 'src/rooms'],
  'src/queue': [...domain, 'src/rooms', 'src/inbox', 'src/groups', 'src/broadcasts', '@sinclair/typebox'],
  'src/handlers': [
    'src/auth/authenticator',
    'src/clock',
    'src/deadline',
    'src/deadlines',
    'src/random',
    'src/errors',
    'src/connections',
    'src/protocol',
    'src/rooms',
    'src/users',
    'src/inbox',
    'src/groups',
    'src/sessions'
  ],
  'src/recovery': ['src/clock', 'src/store/nodes', 'src/store/store'],
  'src/stats': ['src/clock', 'src/protocol', '@sinclair/typebox'],
  'src/auth': ['src/errors', 'src/protocol'],
  'src/auth/new-api-key': ['src/auth', 'src/random'],
  'src/auth/token-signer': ['src/auth', 'jose'],
  'src/auth/alarms': ['src/clock'],
  'src/auth/authenticator': [...domain, 'src/auth', 'src/deadlines', 'src/rooms', 'src/sessions', 'src/users'],
  'src/auth/revocation-index': ['src/store/revocation-entry', 'src/store/revocations'],
  'src/auth/revocation-registry': [...domain, 'src/auth', 'src/control', 'src/presence', 'src/rooms'],
  'src/auth/jose-token-verifier': ['src/auth', 'src/clock', 'src/errors', 'src/protocol', 'jose'],
  'src/auth/remote-keys': ['src/clock', 'src/deadlines', 'src/errors', 'jose'],
  'src/http': ['src/config', 'src/errors', 'src/protocol', '@sinclair/typebox'],
  'src/http/request-time': ['src/clock', 'src/deadlines', 'src/errors'],
  'src/page': ['typescript'],
  'src/errors': [],
  'src/few': [],
  'src/few-map': [],
  'src/clock': [],
  'src/deadline': ['src/errors'],
  'src/deadlines': ['src/clock', 'src/errors'],
  'src/random': ['uuid'],
  'src/version': [],
  'src/shutdown': [],
  'src/config': ['src/auth', 'src/env-file', '@sinclair/typebox'],
  'src/env-file': [],
  'src/dispatch': ['src/auth/rules', 'src/deadline', 'src/errors', 'src/handlers', 'src/protocol'],
  'src/live': [
    'src/auth/grant',
    'src/clock',
    'src/connections',
    'src/deadlines',
    'src/dispatch',
    'src/errors',
    'src/handlers',
    'src/inbox',
    'src/protocol',
    'src/random'
  ],
  'src/broadcasts': ['src/channels', 'src/clock', 'src/random', 'src/connections', 'src/protocol', 'src/store/streams'],
  'src/usage-exchange': [
    'src/channels',
    'src/clock',
    'src/connections',
    'src/store/nodes',
    'src/store/streams',
    '@sinclair/typebox'
  ],
  'src/rooms-module': ['src/config', 'src/rooms'],
  'src/app': [
    'src/config',
    'src/errors',
    'src/http',
    'src/rooms',
    'plugins',
    'fastify',
    '@fastify',
    '@sinclair/typebox'
  ],
  'src/server': ['src/cli', 'src/clock', 'src/serve', 'src/shutdown'],
  'src/cli': ['src/auth', 'src/clock', 'src/config', 'src/protocol', 'src/random', 'src/version'],
  'src/serve': [
    'src/app',
    'src/auth',
    'src/clock',
    'src/config',
    'src/shutdown',
    'src/store/store',
    'src/version',
    'fastify'
  ],
  client: [],
  plugins: ['src', 'fastify', '@fastify', 'prom-client'],
  routes: ['src', 'fastify', '@fastify', '@sinclair/typebox', 'ws']
}

const onlyStorePluginsKnow = /^src\/store\/(embedded|redis)\//

interface Import {
  readonly file: string
  readonly target: string
}

t.test('every file imports only what its place allows', async (t) => {
  const imports = await allImports()
  t.ok(imports.length > 100, 'the imports were found')
  t.strictSame(imports.filter((one) => !isAllowed(one)).map(describe), [])
})

t.test('a planted violation is found', async (t) => {
  for (const [file, target] of [
    ['src/rooms/room-registry.ts', 'fastify'],
    ['src/channels/channel.ts', 'src/store/redis/keys'],
    ['src/store/embedded/embedded-store.ts', 'src/store/redis/keys'],
    ['src/store/redis/keys.ts', 'lmdb'],
    ['src/connections/outbox.ts', 'ws'],
    ['src/protocol/codec.ts', 'src/rooms/room-registry'],
    ['src/handlers/signal.ts', 'src/store/streams'],
    ['src/queue/ingest.ts', 'src/store/redis/redis-ingest-log'],
    ['src/rooms/room-registry.ts', 'src/queue/message-queue'],
    ['plugins/rooms.ts', 'src/store/redis/redis-store'],
    ['routes/stats.ts', 'src/store/embedded/ledger'],
    ['client/src/connection.ts', 'ws'],
    ['client/src/client.ts', 'src/protocol/pushes'],
    ['client/src/ids.ts', 'node:crypto'],
    ['src/page/client-modules.ts', 'client/src/client'],
    ['routes/client.ts', 'client/src/client']
  ] as const) {
    t.notOk(isAllowed({ file, target }), `${file} → ${target}`)
  }
})

t.test('no file imports itself by way of others', async (t) => {
  const targets = new Map<string, string[]>()
  for (const { file, target } of await allImports()) {
    const from = file.replace(/\.ts$/, '')
    targets.set(from, [...(targets.get(from) ?? []), target])
  }
  t.strictSame(
    [...targets.keys()].filter((file) => reaches(file, file, targets, new Set())),
    []
  )
})

t.test(`no file has more than ${fileLinesMax} lines`, async (t) => {
  for (const file of await sources()) {
    const text = await readFile(path.join(root, file), 'utf8')
    t.ok(text.split('\n').length <= fileLinesMax, file)
  }
})

function isAllowed({ file, target }: Import): boolean {
  const plugin = file.startsWith('plugins/') || file.startsWith('routes/')
  if (plugin && onlyStorePluginsKnow.test(target)) return file === 'plugins/store.ts' || file === 'plugins/redis.ts'
  const place = Object.keys(mayImport)
    .filter((name) => file === `${name}.ts` || file.startsWith(`${name}/`))
    .sort((a, b) => a.length - b.length)
    .at(-1)
  if (place === undefined) return false
  // The client runs in browsers, too.
  const runtime = place === 'client' ? [] : ['node:']
  const allowed = [...(mayImport[place] ?? []), ...runtime, ...(file === `${place}.ts` ? [] : [place])]
  return allowed.some(
    (name) =>
      target === name ||
      target.startsWith(name.endsWith(':') ? name : `${name}/`) ||
      (name === 'fastify' && target.startsWith('fastify-'))
  )
}

function reaches(from: string, wanted: string, targets: Map<string, string[]>, seen: Set<string>): boolean {
  return (targets.get(from) ?? []).some((target) => {
    if (target === wanted) return true
    if (seen.has(target)) return false
    seen.add(target)
    return reaches(target, wanted, targets, seen)
  })
}

function describe({ file, target }: Import): string {
  return `${file} may not import ${target}`
}

async function sources(): Promise<string[]> {
  const folders = await Promise.all(
    ['src', 'plugins', 'routes', 'client/src'].map(async (folder) => {
      const names = await readdir(path.join(root, folder), { recursive: true })
      return names.filter((name) => name.endsWith('.ts')).map((name) => path.join(folder, name))
    })
  )
  return folders.flat().filter((file) => !file.endsWith('.d.ts'))
}

async function allImports(): Promise<Import[]> {
  const perFile = (await sources()).map(async (file) => {
    const text = await readFile(path.join(root, file), 'utf8')
    return importsOf(file, text).map((target) => ({ file, target }))
  })
  return (await Promise.all(perFile)).flat()
}

function importsOf(file: string, text: string): string[] {
  return [...text.matchAll(/^(?:import|export) [^;]*?from '([^']+)'$/gm)].map(([, specifier = '']) =>
    specifier.startsWith('.') ? path.join(path.dirname(file), specifier).replace(/\.js$/, '') : specifier
  )
}
