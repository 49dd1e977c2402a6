import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { freePort, startRedis, urlOf } from '../support/redis-server.js'
import { MASTER_NAME, startSentinel } from '../support/sentinels.js'
import { request } from '../support/server.js'
import { listening, spawnServer, startServerProcess, temporaryFolder } from '../support/server-process.js'

const run = promisify(execFile)

/** What a node asks of a Sentinel. */
const sentinelCommands = [
  '+client|setname',
  '+sentinel|get-master-addr-by-name',
  '+sentinel|sentinels',
  '+subscribe',
  '&+switch-master'
]

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
  return { ...files, url, port }
}

t.test('Redis by TLS, under an authority of one’s own', async (t) => {
  const { ca, url } = await tlsRedis(t)
  const settings = { REDIS_URL: url, REDIS_PREFIX: randomUUID(), NODE_EXTRA_CA_CERTS: ca }
  const server = await startServerProcess(t, settings)
  const body = { content: 'by TLS' }
  const stored = await request(`${server.url}/rooms/r/messages`, { method: 'POST', body })
  t.match(stored, { status: 201, body: { durable: 'redis', offset: 1 } })
})

t.test('Sentinels by TLS, with a user and a password of their own', async (t) => {
  const { ca, certificate, key, port } = await tlsRedis(t)
  const more = (sentinelPort: number) => [
    'port 0',
    `tls-port ${sentinelPort}`,
    'tls-auth-clients no',
    'tls-replication yes',
    ...[`tls-ca-cert-file ${ca}`, `tls-cert-file ${certificate}`, `tls-key-file ${key}`],
    'user default off',
    `user watcher on >p@ss -@all ${sentinelCommands.join(' ')}`
  ]
  const sentinelPort = await startSentinel(t, { masterPort: port, downAfterMs: 5000, quorum: 1, more })
  const login = '?sentinel_username=watcher&sentinel_password=p%40ss'
  const [, credentials] = /\/\/(.*@)/.exec(urlOf(port)) ?? []
  const REDIS_URL = `rediss+sentinel://${credentials}127.0.0.1:${sentinelPort}/${MASTER_NAME}${login}`
  const settings = { REDIS_URL, REDIS_PREFIX: randomUUID(), NODE_EXTRA_CA_CERTS: ca }
  const server = await startServerProcess(t, settings)
  const body = { content: 'by TLS' }
  t.equal((await request(`${server.url}/rooms/r/messages`, { method: 'POST', body })).status, 201)
  t.notMatch(server.output(), /ioredis|p@ss|p%40ss/)
})

t.test('a certificate that nobody vouches for is refused in one line', async (t) => {
  const { url } = await tlsRedis(t)
  const { child, output } = spawnServer(t, { REDIS_URL: url })
  await t.rejects(listening(child, output))
  t.match(output(), /^roomcast: REDIS_URL rediss:\/\/127\.0\.0\.1:\d+ cannot be reached: .*certificate.*\n$/)
})
