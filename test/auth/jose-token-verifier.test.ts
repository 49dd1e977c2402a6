import { generateKeyPairSync } from 'node:crypto'
import t, { type Test } from 'tap'
import { Capabilities } from '../../src/auth/capabilities.js'
import { JoseTokenVerifier, type TokenSettings } from '../../src/auth/jose-token-verifier.js'
import type { TokenVerifier } from '../../src/auth/token-verifier.js'
import type { RoomcastError } from '../../src/errors.js'
import { ManualClock } from '../support/manual-clock.js'
import { forgeToken, hmac, SECRET, seconds, signToken } from '../support/tokens.js'

const NOW = Date.UTC(2026, 0, 1)
const DAY_SECONDS = 86_400
const claims = { sub: 'alice', exp: seconds(NOW) + 60 }
const defaultCapabilities = new Capabilities({ 'room:*': ['join'] })

function verifier(settings: Partial<TokenSettings>): TokenVerifier {
  return new JoseTokenVerifier({ clock: new ManualClock(NOW), defaultCapabilities, onError: () => {}, ...settings })
}

async function refuses(t: Test, verifier: TokenVerifier, token: string, title: string): Promise<string> {
  try {
    await verifier.verify(token)
    t.fail(`refused: ${title}`)
    return ''
  } catch (error) {
    t.match(error, { code: 'unauthenticated' }, title)
    return (error as RoomcastError).message
  }
}

const pairs = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  p256: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  p521: generateKeyPairSync('ec', { namedCurve: 'secp521r1' }),
  ed25519: generateKeyPairSync('ed25519')
}
const pemOf = (name: keyof typeof pairs) => pairs[name].publicKey.export({ type: 'spki', format: 'pem' }).toString()

const algorithms: Array<[alg: string, pair: keyof typeof pairs]> = [
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const).map((alg): [string, 'rsa'] => [alg, 'rsa']),
  ['ES256', 'p256'],
  ['ES384', 'p384'],
  ['ES512', 'p521'],
  ['EdDSA', 'ed25519'],
  ['Ed25519', 'ed25519']
]

t.test('a token tells its user, when it expires and what it grants', async (t) => {
  const keys = verifier({ secret: SECRET })
  const verify = (token: string) => keys.verify(token)
  const plain = await verify(await signToken(claims))
  t.match(plain, { userId: 'alice', expiresAt: NOW + 60_000 })
  t.ok(plain.allows('join', 'room', 'r'), 'the default')
  t.notOk(plain.allows('publish', 'room', 'r'))
  const own = await verify(await signToken({ ...claims, roomcast: { 'room:r': ['publish'] } }))
  t.notOk(own.allows('join', 'room', 'r'), 'the claim, and nothing of the default')
  t.ok(own.allows('publish', 'room', 'r'))
  t.notOk((await verify(await signToken({ ...claims, roomcast: {} }))).allows('join', 'room', 'r'))
})

t.test('a secret goes with all hashes, and with no other algorithm', async (t) => {
  for (const alg of ['HS256', 'HS384', 'HS512'] as const) {
    const token = forgeToken({ alg }, claims, hmac(`sha${alg.slice(2)}`, SECRET))
    t.equal((await verifier({ secret: SECRET }).verify(token)).userId, 'alice')
    await refuses(t, verifier({ secret: `${SECRET}x` }), token, `${alg} with another secret`)
  }
})

for (const [alg, name] of algorithms) {
  t.test(`${alg} is taken with the key that fits it, and with no other`, async (t) => {
    const token = await signToken(claims, { alg, key: pairs[name].privateKey })
    for (const other of Object.keys(pairs) as Array<keyof typeof pairs>) {
      const keys = verifier({ publicKey: pemOf(other) })
      if (other === name) t.equal((await keys.verify(token)).userId, 'alice')
      else await refuses(t, keys, token, other)
    }
    await refuses(t, verifier({ secret: SECRET }), token, 'a secret')
  })
}

t.test('each token is held against the kind of key that its algorithm is for', async (t) => {
  const both = verifier({ secret: SECRET, publicKey: pemOf('rsa') })
  t.equal((await both.verify(await signToken(claims))).userId, 'alice')
  const signed = await signToken(claims, { alg: 'RS256', key: pairs.rsa.privateKey })
  t.equal((await both.verify(signed)).userId, 'alice')
})

t.test('a public key is no secret', async (t) => {
  const pem = pemOf('rsa')
  for (const settings of [{ publicKey: pem }, { publicKey: pem, secret: SECRET }]) {
    for (const [alg, hash] of [
      ['HS256', 'sha256'],
      ['HS512', 'sha512']
    ] as const) {
      const der = pairs.rsa.publicKey.export({ type: 'spki', format: 'der' })
      for (const key of [pem, pem.trim(), der]) {
        await refuses(t, verifier(settings), forgeToken({ alg }, claims, hmac(hash, key)), `${alg} with the public key`)
      }
    }
  }
})

t.test('a token without a signature is none, however it spells that', async (t) => {
  for (const settings of [{ secret: SECRET }, { publicKey: pemOf('rsa') }]) {
    for (const alg of [
      'none',
      'None',
      'NonE',
      'NONE',
      '',
      undefined,
      null,
      0,
      ['HS256'],
      'hs256',
      'HS1',
      'RSA1_5',
      'dir'
    ]) {
      await refuses(t, verifier(settings), forgeToken({ alg }, claims), `alg ${JSON.stringify(alg)}`)
    }
  }
  const signed = await signToken(claims)
  await refuses(t, verifier({ secret: SECRET }), `${signed.slice(0, signed.lastIndexOf('.'))}.`, 'cut off')
  const [head, , signature] = signed.split('.')
  const other = Buffer.from(JSON.stringify({ ...claims, sub: 'mallory' })).toString('base64url')
  await refuses(t, verifier({ secret: SECRET }), [head, other, signature].join('.'), 'other claims')
})

t.test('what the header names is not followed', async (t) => {
  const mallory = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = mallory.publicKey.export({ format: 'jwk' })
  const asked = t.capture(globalThis, 'fetch', () => Promise.reject(new Error('not to be asked')))
  const url = 'http://127.0.0.1:9/keys'
  for (const header of [
    { jwk },
    { jku: url },
    { x5u: url },
    { x5c: ['MII'] },
    { kid: url },
    { kid: '../../key.pem' }
  ]) {
    const forged = await signToken({ ...claims, iss: url }, { alg: 'RS256', key: mallory.privateKey, header })
    await refuses(t, verifier({ publicKey: pemOf('rsa') }), forged, JSON.stringify(Object.keys(header)))
    const right = await signToken(claims, { alg: 'RS256', key: pairs.rsa.privateKey, header })
    t.equal((await verifier({ publicKey: pemOf('rsa') }).verify(right)).userId, 'alice', 'ignored')
  }
  const critical = forgeToken({ alg: 'HS256', crit: ['new'], new: 1 }, claims, hmac('sha256', SECRET))
  await refuses(t, verifier({ secret: SECRET }), critical, 'crit')
  const unencoded = forgeToken({ alg: 'HS256', crit: ['b64'], b64: false }, claims, hmac('sha256', SECRET))
  await refuses(t, verifier({ secret: SECRET }), unencoded, 'b64')
  t.strictSame(asked(), [])
})

t.test('a token needs a user that a client may be', async (t) => {
  const keys = verifier({ secret: SECRET })
  const { exp } = claims
  for (const sub of [undefined, '', '.', '..', 'a\nb', 'x'.repeat(129), 'anonymous:1', 7, null, ['alice'], { a: 1 }]) {
    const token = forgeToken({ alg: 'HS256' }, { sub, exp }, hmac('sha256', SECRET))
    t.match(await refuses(t, keys, token, JSON.stringify(sub)), /^sub: /)
  }
})

t.test('the id of a token is one that it could be revoked by', async (t) => {
  const keys = verifier({ secret: SECRET })
  for (const jti of [7, null, true, {}, ['a'], '', 'a\n', 'x'.repeat(129)]) {
    const token = forgeToken({ alg: 'HS256' }, { ...claims, jti }, hmac('sha256', SECRET))
    t.equal(await refuses(t, keys, token, JSON.stringify(jti)), 'jti: not a valid id')
  }
  t.equal((await keys.verify(await signToken({ ...claims, jti: '7' }))).tokenId, '7')
})

t.test('a token needs an end, which lies ahead and within thirty days', async (t) => {
  const keys = verifier({ secret: SECRET })
  const now = seconds(NOW)
  const wrong = [undefined, null, '9999999999', now, now - 1, 0, -1, now + 30 * DAY_SECONDS + 1, 1e300, now * 1000, []]
  for (const exp of wrong) {
    await refuses(t, keys, forgeToken({ alg: 'HS256' }, { sub: 'alice', exp }, hmac('sha256', SECRET)), `exp ${exp}`)
  }
  for (const exp of [now + 1, now + 30 * DAY_SECONDS, now + 0.5]) {
    t.equal((await keys.verify(await signToken({ sub: 'alice', exp }))).expiresAt, exp * 1000)
  }
  const past = await signToken({ sub: 'alice', exp: now - 1 })
  t.equal(await refuses(t, keys, past, 'past'), 'The token has expired')
})

t.test('a token may begin five seconds from now, and no later', async (t) => {
  const keys = verifier({ secret: SECRET })
  const now = seconds(NOW)
  t.equal((await keys.verify(await signToken({ ...claims, nbf: now + 5 }))).userId, 'alice')
  await refuses(t, keys, await signToken({ ...claims, nbf: now + 6 }), 'later')
  await refuses(t, keys, forgeToken({ alg: 'HS256' }, { ...claims, nbf: 'x' }, hmac('sha256', SECRET)), 'no number')
})

t.test('the issuer and the audience are asked for where they are configured', async (t) => {
  const keys = verifier({ secret: SECRET, issuer: 'https://id.example', audience: 'roomcast' })
  const right = { ...claims, iss: 'https://id.example', aud: 'roomcast' }
  t.equal((await keys.verify(await signToken(right))).userId, 'alice')
  t.equal((await keys.verify(await signToken({ ...right, aud: ['other', 'roomcast'] }))).userId, 'alice')
  for (const wrong of [
    { aud: 'other' },
    { aud: ['other'] },
    { aud: [] },
    { aud: ['roomcast2', 'Roomcast'] },
    { aud: undefined },
    { iss: 'https://id.example/' },
    { iss: undefined },
    { iss: 'https://evil.example' }
  ]) {
    await refuses(t, keys, await signToken({ ...right, ...wrong }), JSON.stringify(wrong))
  }
  const listed = forgeToken({ alg: 'HS256' }, { ...right, iss: ['https://id.example'] }, hmac('sha256', SECRET))
  await refuses(t, keys, listed, 'a list of issuers')
  const unconfigured = verifier({ secret: SECRET })
  t.equal((await unconfigured.verify(await signToken({ ...claims, iss: 'any', aud: 'any' }))).userId, 'alice')
})

t.test('rights that are no rights make no token', async (t) => {
  const keys = verifier({ secret: SECRET })
  for (const roomcast of [null, [], 'all', { 'room:*': 'join' }, { 'room:*': ['read'] }]) {
    const token = await signToken({ ...claims, roomcast })
    t.match(await refuses(t, keys, token, JSON.stringify(roomcast)), /^roomcast: /)
  }
})

t.test('what is no token is refused, and the longest not even decoded', async (t) => {
  const keys = verifier({ secret: SECRET })
  const nonsense = [
    '',
    '.',
    '..',
    '...',
    'a.b.c',
    'Bearer x',
    '{}',
    'e30.e30.e30',
    '\u0000',
    `${await signToken(claims)}.`
  ]
  for (const token of nonsense) await refuses(t, keys, token, JSON.stringify(token))
  for (const payload of [null, [], 'x', 1]) {
    await refuses(t, keys, forgeToken({ alg: 'HS256' }, payload, hmac('sha256', SECRET)), JSON.stringify(payload))
  }
  const filled = async (length: number) => {
    const empty = (await signToken({ ...claims, pad: '' })).length
    // Four letters stand for three bytes.
    const token = await signToken({ ...claims, pad: 'x'.repeat(Math.floor(((length - empty) * 3) / 4)) })
    return token
  }
  t.equal((await keys.verify(await filled(8190))).userId, 'alice')
  t.equal(await refuses(t, keys, await filled(8200), 'long'), 'The token is too long')
  t.equal(await refuses(t, keys, 'x'.repeat(1_000_000), 'very long'), 'The token is too long')
})

t.test('tokens with the same claim share what it grants, and a flood of claims is forgotten again', async (t) => {
  const keys = verifier({ secret: SECRET })
  const rights = { 'room:r': ['join'] }
  const first = await keys.verify(await signToken({ ...claims, roomcast: rights }))
  for (let n = 0; n < 300; n++) await keys.verify(await signToken({ ...claims, roomcast: { [`room:${n}`]: ['join'] } }))
  t.ok(first.allows('join', 'room', 'r'))
  const again = await keys.verify(await signToken({ ...claims, roomcast: rights }))
  t.ok(again.allows('join', 'room', 'r'))
  t.notOk(again.allows('join', 'room', '1'))
})

t.test('a key that is none is refused at the start', async (t) => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const curve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const x25519 = generateKeyPairSync('x25519')
  const pem = ({ publicKey }: { publicKey: typeof small.publicKey }) =>
    publicKey.export({ type: 'spki', format: 'pem' }).toString()
  for (const [publicKey, message] of [
    ['', /public key in PEM/],
    ['not a key', /public key in PEM/],
    ['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', /public key in PEM/],
    [pairs.rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), /public key in PEM/],
    [pem(small), /2048 bits/],
    [pem(curve), /not supported/],
    [pem(x25519), /not supported/]
  ] as const) {
    t.throws(() => verifier({ publicKey }), message)
  }
  const escaped = pemOf('p256').replaceAll('\n', '\\n')
  const token = await signToken(claims, { alg: 'ES256', key: pairs.p256.privateKey })
  t.equal((await verifier({ publicKey: escaped }).verify(token)).userId, 'alice', 'on one line')
})
