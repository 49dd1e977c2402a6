import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { freePort, startRedis } from '../support/redis-server.js'
import { request } from '../support/server.js'
import { listening, spawnServer, startServerProcess, temporaryFolder } from '../support/server-process.js'

const run = promisify(execFile)

/** A certificate authority of one's own, and a certificate of it for the address. */
async function authority(t: Test, address: string) {
  const folder = await temporaryFolder(t)
  const [ca, caKey, key, request, certificate] = ['ca.pem', 'ca.key', 'server.key', 'server.csr', 'server.pem'].map(
    (name) => path.join(folder, name)
  ) as [string, string, string, string, string]
  const rsa = ['-newkey', 'rsa:2048', '-nodes', '-days', '2']
  await run('openssl', ['req', '-x509', ...rsa, '-keyout', caKey, '-out', ca, '-subj', '/CN=Test authority'])
  await run('openssl', [
    'req',
    ...rsa.slice(0, 3),
    '-keyout',
    key,
    '-out',
    request,
    '-subj',
    '/CN=redis',
    '-addext',
    `subjectAltName=IP:${address}`
  ])
  const sign = ['x509', '-req', '-in', request, '-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '2']
  await run('openssl', [...sign, '-copy_extensions', 'copy', '-out', certificate])
  return { ca, key, certificate }
}

/** A Redis that speaks TLS on a port of its own. */
async function tlsRedis(t: Test) {
  const files = await authority(t, '127.0.0.1')
  const port = await freePort()
  const tls = ['--tls-port', String(port), '--tls-auth-clients', 'no', '--tls-ca-cert-file', files.ca]
  const redis = await startRedis(t, [...tls, '--tls-cert-file', files.certificate, '--tls-key-file', files.key])
  const url = redis.url.replace('redis://', 'rediss://').replace(String(redis.port), String(port))
  return { ...files, url }
}

t.test('Redis by TLS, under an authority of one’s own', async (t) => {
  const { ca, url } = await tlsRedis(t)
  const settings = { REDIS_URL: url, REDIS_PREFIX: randomUUID(), NODE_EXTRA_CA_CERTS: ca }
  const server = await startServerProcess(t, settings)
  const body = { content: 'by TLS' }
  const stored = await request(`${server.url}/rooms/r/messages`, { method: 'POST', body })
  t.match(stored, { status: 201, body: { durable: 'redis', offset: 1 } })
})

t.test('a certificate that nobody vouches for is refused in one line', async (t) => {
  const { url } = await tlsRedis(t)
  const { child, output } = spawnServer(t, { REDIS_URL: url })
  await t.rejects(listening(child, output))
  t.match(output(), /^roomcast: REDIS_URL rediss:\/\/127\.0\.0\.1:\d+ cannot be reached: .*certificate.*\n$/)
})
