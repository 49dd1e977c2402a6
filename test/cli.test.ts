import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import t, { type Test } from 'tap'
import { findApiKey, parseApiKeys, scopes } from '../src/auth/api-keys.js'
import { run } from '../src/cli.js'
import { startServer } from './support/server.js'
import { spawnServer, temporaryFolder } from './support/server-process.js'
import { SECRET } from './support/tokens.js'

/** Runs a command in this process. */
async function roomcast(...args: string[]) {
  let [out, err] = ['', '']
  const code = await run(args, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    }
  })
  return { code, out, err }
}

/** Settings for as long as the test runs. */
function settings(t: Test, values: Readonly<Record<string, string>>): void {
  const before = { ...process.env }
  Object.assign(process.env, values)
  t.teardown(() => {
    process.env = before
  })
}

t.test('key makes a key that its hashed entry lets in, with the scopes asked for', async (t) => {
  for (const [args, wanted] of [
    [[], [...scopes]],
    [
      ['--scopes', 'publish+read'],
      ['publish', 'read']
    ],
    [['--scopes=admin'], ['admin']]
  ] as const) {
    const { code, out } = await roomcast('key', ...args)
    t.equal(code, 0)
    const [key = '', entry = '', rest] = out.split('\n')
    t.match(key, /^roomcast_[A-Za-z0-9_-]{43}$/)
    t.equal(rest, '')
    t.notMatch(entry, key)
    t.same([...(findApiKey(parseApiKeys(entry), key)?.scopes ?? [])], wanted)
    t.ok(findApiKey(parseApiKeys(key), key), 'plain, too')
  }
  t.not((await roomcast('key')).out, (await roomcast('key')).out)
})

t.test('token prints nothing but a token, which the server takes', async (t) => {
  settings(t, { JWT_SECRET: SECRET, JWT_ISSUER: 'me', JWT_AUDIENCE: 'roomcast' })
  const server = await startServer(t, { JWT_SECRET: SECRET, JWT_ISSUER: 'me', JWT_AUDIENCE: 'roomcast' })
  const rights = '{"room:chat/*":["join"]}'
  const { code, out, err } = await roomcast('token', '--user', 'alice', '--ttl', '15m', '--capabilities', rights)
  t.same([code, err], [0, ''])
  t.match(out, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const { iat = 0, exp = 0, jti } = decodeJwt(out)
  t.equal(exp - iat, 900)
  t.match(jti, /^[0-9a-f-]{36}$/)
  const client = await server.connect('/ws', { headers: { authorization: `Bearer ${out.trim()}` } })
  t.equal(client.messages[0]?.user_id, 'alice')
  t.match(await client.ask({ type: 'join_room', room: 'chat/1' }), { type: 'ack' })
  t.match(await client.ask({ type: 'join_room', room: 'other' }), { code: 'forbidden' })
})

t.test('token takes every time to live that the server does', async (t) => {
  settings(t, { JWT_SECRET: SECRET })
  for (const [ttl, wanted] of [
    ['90', 90],
    ['30s', 30],
    ['15m', 900],
    ['30d', 2_592_000]
  ] as const) {
    const { iat = 0, exp = 0 } = decodeJwt((await roomcast('token', '--user', 'alice', '--ttl', ttl)).out)
    t.equal(exp - iat, wanted, ttl)
  }
  const { iat = 0, exp = 0, jti } = decodeJwt((await roomcast('token', '--user', 'alice', '--id', 'x')).out)
  t.same([exp - iat, jti], [3600, 'x'])
})

t.test('token signs with a private key', async (t) => {
  const folder = await temporaryFolder(t)
  for (const [name, { publicKey, privateKey }, alg] of [
    ['ed25519', generateKeyPairSync('ed25519'), 'EdDSA'],
    ['p-256', generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ES256'],
    ['rsa', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'RS256']
  ] as const) {
    const file = path.join(folder, name)
    await writeFile(file, privateKey.export({ format: 'pem', type: 'pkcs8' }))
    const { out } = await roomcast('token', '--user', 'alice', '--key-file', file, '--key-id', 'k1')
    t.same(decodeProtectedHeader(out), { alg, kid: 'k1' })
    const pem = publicKey.export({ format: 'pem', type: 'spki' }) as string
    const server = await startServer(t, { JWT_PUBLIC_KEY: pem })
    const client = await server.connect('/ws', { headers: { authorization: `Bearer ${out.trim()}` } })
    t.equal(client.messages[0]?.user_id, 'alice', name)
  }
  await writeFile(path.join(folder, 'none'), 'SECRET TEXT')
  const { code, err } = await roomcast('token', '--user', 'alice', '--key-file', path.join(folder, 'none'))
  t.equal(code, 1)
  t.notMatch(err, 'SECRET TEXT')
})

t.test('what is asked for in a wrong way is told in one line, and nothing is printed', async (t) => {
  settings(t, { JWT_SECRET: '' })
  for (const [wanted, ...args] of [
    [2, 'kye'],
    [2, 'constructor'],
    [2, '--nonsense'],
    [2, 'key', '--scopes', 'publish+write'],
    [2, 'key', '--scopes', ''],
    [2, 'key', 'surplus'],
    [2, 'token'],
    [2, 'token', '--user', ''],
    [2, 'token', '--user', 'anonymous:x'],
    [2, 'token', '--user'],
    [2, 'token', '--user', 'alice', '--id', ''],
    [2, 'token', '--user', 'alice', '--ttl', '31d'],
    [2, 'token', '--user', 'alice', '--ttl', '0'],
    [2, 'token', '--user', 'alice', '--ttl', 'soon'],
    [2, 'token', '--user', 'alice', '--capabilities', '{'],
    [2, 'token', '--user', 'alice', '--capabilities', '{"room:*":["fly"]}'],
    [1, 'token', '--user', 'alice'],
    [1, 'token', '--user', 'alice', '--key-file', '/nowhere/at-all']
  ] as const) {
    const { code, out, err } = await roomcast(...args)
    t.equal(code, wanted, args.join(' '))
    t.equal(out, '')
    t.match(err, /^roomcast: [^\n]+\n$/)
  }
})

t.test('--help and --version tell what there is', async (t) => {
  for (const args of [['--help'], ['-h'], ['token', '--help']]) {
    t.match(await roomcast(...args), { code: 0, out: /^Usage: roomcast/, err: '' })
  }
  t.match(await roomcast('--version'), { code: 0, out: /^\d+\.\d+\.\d+\n$/ })
})

t.test('as a process a command does its work and ends', async (t) => {
  const { child, output } = spawnServer(t, { JWT_SECRET: SECRET }, undefined, undefined, ['token', '--user', 'alice'])
  const [code] = await new Promise<[number]>((resolve) => child.once('close', (code) => resolve([code ?? -1])))
  t.equal(code, 0)
  t.equal(decodeJwt(output()).sub, 'alice')
})
