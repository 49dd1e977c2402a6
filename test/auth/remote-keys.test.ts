import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Capabilities } from '../../src/auth/capabilities.js'
import { JoseTokenVerifier } from '../../src/auth/jose-token-verifier.js'
import { ManualClock } from '../support/manual-clock.js'
import { forgeToken, hmac, SECRET, seconds, signToken } from '../support/tokens.js'

const NOW = Date.UTC(2026, 0, 1)
const claims = { sub: 'alice', exp: seconds(NOW) + 60 }
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const jwks = {
  keys: [
    { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'rsa' },
    { ...ec.publicKey.export({ format: 'jwk' }), kid: 'ec' },
    { kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), kid: 'oct', alg: 'HS256' }
  ]
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const answers: Answer = (_request, response) => response.end(JSON.stringify(jwks))

/** A server of keys, which answers as `serving.answer` says, and a verifier that uses it. */
async function setUp(t: Test, answer: Answer = answers) {
  const serving = { answer, asked: 0 }
  const server = createServer((request, response) => {
    serving.asked++
    serving.answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const clock = new ManualClock(NOW)
  const { port } = server.address() as AddressInfo
  const jwksUrl = `http://127.0.0.1:${port}/keys`
  const failures: unknown[] = []
  const onError = (error: unknown) => void failures.push(error)
  const verifier = new JoseTokenVerifier({ jwksUrl, clock, onError, defaultCapabilities: new Capabilities({}) })
  return { serving, clock, verifier, jwksUrl, onError, failures }
}

const signed = (kid?: string, more: object = {}) =>
  signToken({ ...claims, ...more }, { alg: 'RS256', key: rsa.privateKey, header: kid === undefined ? {} : { kid } })

t.test('the keys are fetched for the first token, and once for all', async (t) => {
  const { verifier, serving } = await setUp(t)
  t.equal(serving.asked, 0)
  const tokens = [await signed('rsa'), await signed('rsa'), await signed()]
  tokens.push(await signToken(claims, { alg: 'ES256', key: ec.privateKey, header: { kid: 'ec' } }))
  for (const { userId } of await Promise.all(tokens.map((token) => verifier.verify(token)))) t.equal(userId, 'alice')
  await verifier.verify(await signed('rsa'))
  t.equal(serving.asked, 1)
})

t.test('a key that is not in the set is no key, and is not asked for again and again', async (t) => {
  const { verifier, serving } = await setUp(t)
  for (const kid of ['other', 'ec', '__proto__', '../rsa', 'http://127.0.0.1:1/', 'oct']) {
    await t.rejects(verifier.verify(await signed(kid)), { code: 'unauthenticated' }, kid)
  }
  t.equal(serving.asked, 1)
})

t.test('a secret in the set is not used', async (t) => {
  const { verifier } = await setUp(t)
  for (const header of [{ kid: 'oct' }, { kid: 'rsa' }, {}]) {
    const token = forgeToken({ alg: 'HS256', ...header }, claims, hmac('sha256', SECRET))
    await t.rejects(verifier.verify(token), { code: 'unauthenticated' })
  }
  await t.rejects(verifier.verify(forgeToken({ alg: 'none', kid: 'rsa' }, claims)), { code: 'unauthenticated' })
})

t.test('only the configured server is ever asked, whatever a token names', async (t) => {
  const other = await setUp(t)
  const { verifier, serving } = await setUp(t)
  const url = other.jwksUrl
  for (const header of [{ jku: url }, { x5u: url }, { jku: url, kid: 'rsa' }, { kid: url }]) {
    const mallory = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const token = await signToken({ ...claims, iss: url }, { alg: 'RS256', key: mallory.privateKey, header })
    await t.rejects(verifier.verify(token), { code: 'unauthenticated' }, JSON.stringify(header))
  }
  t.equal(other.serving.asked, 0)
  t.equal(serving.asked, 1)
})

const unavailable = { code: 'store_unavailable', statusCode: 503, retryAfterMs: 1000 }

for (const [title, answer] of [
  ['refuses', (_request, response) => response.writeHead(500).end()],
  ['hangs up', (request) => request.socket.destroy()],
  ['sends no JSON', (_request, response) => response.end('<html>')],
  ['sends no keys', (_request, response) => response.end('{}')],
  ['points elsewhere', (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end()]
] as ReadonlyArray<[string, Answer]>) {
  t.test(`a server of keys that ${title} makes tokens wait, and is asked once a second at most`, async (t) => {
    const { verifier, serving, clock, failures } = await setUp(t, answer)
    await t.rejects(verifier.verify(await signed('rsa')), unavailable)
    for (let n = 0; n < 5; n++) await t.rejects(verifier.verify(await signed(`kid ${n}`)), unavailable)
    t.equal(serving.asked, 1)
    t.equal(failures.length, 1, 'the operator is told, once')
    serving.answer = answers
    clock.advance(1000)
    t.equal((await verifier.verify(await signed('rsa'))).userId, 'alice')
    t.equal(serving.asked, 2)
  })
}

t.test('tokens that waited for the same keys tell the operator once', async (t) => {
  const { verifier, failures } = await setUp(t, (_request, response) => response.writeHead(500).end())
  const tokens = await Promise.all([signed('rsa'), signed('rsa'), signed('ec')])
  await Promise.all(tokens.map((token) => t.rejects(verifier.verify(token), unavailable)))
  t.equal(failures.length, 1)
})

t.test('a token that fits more than one key is refused, and is no failure of the server of keys', async (t) => {
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })
  const keys = [...jwks.keys, { ...other, kid: 'other' }]
  const { verifier, failures } = await setUp(t, (_request, response) => response.end(JSON.stringify({ keys })))
  await t.rejects(verifier.verify(await signed()), { code: 'unauthenticated' })
  t.equal((await verifier.verify(await signed('rsa'))).userId, 'alice')
  t.strictSame(failures, [])
})

t.test('a server of keys that does not answer is waited for two seconds', async (t) => {
  let arrive = () => {}
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  const { verifier, clock } = await setUp(t, () => arrive())
  let isOver = false
  const verifying = t.rejects(verifier.verify(await signed('rsa')), unavailable).then(() => {
    isOver = true
  })
  await arrived
  clock.advance(1999)
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  t.notOk(isOver)
  clock.advance(1)
  await verifying
})

t.test('what can be told without the keys is not waited for', async (t) => {
  const { verifier, serving } = await setUp(t)
  await t.rejects(verifier.verify('x'.repeat(9000)), { code: 'unauthenticated' })
  await t.rejects(verifier.verify('a.b.c'), { code: 'unauthenticated' })
  await t.rejects(verifier.verify(await signToken(claims)), { code: 'unauthenticated' })
  t.equal(serving.asked, 0)
})

t.test('where a public key is configured too, it is tried before', async (t) => {
  const { serving, jwksUrl, clock, onError } = await setUp(t)
  const defaultCapabilities = new Capabilities({})
  const own = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const publicKey = own.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const verifier = new JoseTokenVerifier({ jwksUrl, publicKey, clock, onError, defaultCapabilities })
  const token = await signToken(claims, { alg: 'RS256', key: own.privateKey })
  t.equal((await verifier.verify(token)).userId, 'alice')
  t.equal(serving.asked, 0)
  t.equal((await verifier.verify(await signed('rsa'))).userId, 'alice')
  t.equal(serving.asked, 1)
  await t.rejects(verifier.verify(await signed('rsa', { exp: seconds(NOW) - 1 })), { message: 'The token has expired' })
})
