import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { freePort } from '../support/redis-server.js'
import { root } from '../support/root.js'
import { temporaryFolder } from '../support/server-process.js'
import { until } from '../support/until.js'

const run = promisify(execFile)
const SERVERS = '/usr/sbin'

/** Of a certificate that nobody has signed but itself. */
export interface Certificate {
  readonly certificate: string
  readonly key: string
  /** Both in one file, as HAProxy wants them. */
  readonly both: string
}

interface ProxyOptions {
  readonly folder: string
  /** Of the node. */
  readonly nodePort: number
  readonly port: number
  readonly tls: Certificate
}

export interface ProxyKind {
  readonly file: string
  readonly program: string
  /** What is another in a test, each of which has to be there: as it stands in the file, and instead. */
  readonly changes: (options: ProxyOptions) => ReadonlyArray<readonly [string | RegExp, string]>
  readonly options: (configuration: string) => readonly string[]
  /** Makes it read its configuration anew. */
  readonly reload: NodeJS.Signals
}

/** Times of the proxies in the test, below any that could be meant. */
export const PROXY_TIMEOUT_S = 2

export const proxyKinds: Record<string, ProxyKind> = {
  nginx: {
    file: 'examples/proxy/nginx.conf',
    program: 'nginx',
    changes: ({ folder, nodePort, port, tls }) => [
      ['/run/nginx.pid', `${folder}/nginx.pid`],
      [/\/var\/log\/nginx/g, folder],
      ['127.0.0.1:8765', `127.0.0.1:${nodePort}`],
      ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
      ['/etc/nginx/tls/roomcast.pem', tls.certificate],
      ['/etc/nginx/tls/roomcast.key', tls.key],
      [/90s/g, `${PROXY_TIMEOUT_S}s`],
      ['worker_processes auto;', `worker_processes 1;${process.getuid?.() === 0 ? ' user root;' : ''}`],
      ['http {', `http {${temporaryPaths(folder)}`]
    ],
    options: (configuration) => ['-c', configuration, '-e', 'stderr', '-g', 'daemon off;'],
    reload: 'SIGHUP'
  },
  HAProxy: {
    file: 'examples/proxy/haproxy.cfg',
    program: 'haproxy',
    changes: ({ nodePort, port, tls }) => [
      ['127.0.0.1:8765', `127.0.0.1:${nodePort}`],
      ['bind :443', `bind 127.0.0.1:${port}`],
      // It asks for as many file descriptors.
      ['maxconn 30000', 'maxconn 1000'],
      ['/etc/haproxy/tls/roomcast.pem', tls.both],
      [/90s/g, `${PROXY_TIMEOUT_S}s`]
    ],
    options: (configuration) => ['-W', '-db', '-f', configuration],
    reload: 'SIGUSR2'
  }
}

/** Where nginx puts what is large; its own folder may be somebody else's. */
function temporaryPaths(folder: string): string {
  return ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join('')
}

export interface RunningProxy {
  /** `127.0.0.1:PORT` */
  readonly host: string
  readonly ca: string
  readonly process: ChildProcess
}

/** A proxy before the node, with the project's own configuration for it; ended with the test. */
export async function startProxy(t: Test, kind: ProxyKind, nodePort: number): Promise<RunningProxy> {
  const folder = await temporaryFolder(t)
  const tls = await selfSigned(folder)
  const port = await freePort()
  const configuration = path.join(folder, path.basename(kind.file))
  await writeFile(configuration, await configure(kind, { folder, nodePort, port, tls }))
  const child = spawn(kind.program, kind.options(configuration), {
    env: { ...process.env, PATH: `${process.env.PATH}:${SERVERS}` },
    stdio: ['ignore', 'ignore', 'pipe']
  })
  t.teardown(() => end(child))
  let complaints = ''
  child.stderr.on('data', (text) => {
    complaints += text
  })
  child.on('error', (error) => {
    complaints += error.message
  })
  await until(async () => {
    if (child.exitCode !== null || child.pid === undefined) throw new Error(complaints)
    return await isOpen(port)
  })
  return { host: `127.0.0.1:${port}`, ca: await readFile(tls.certificate, 'utf8'), process: child }
}

/** The file of the project with what has to be another here. */
async function configure(kind: ProxyKind, options: ProxyOptions): Promise<string> {
  let text = await readFile(path.join(root, kind.file), 'utf8')
  for (const [old, present] of kind.changes(options)) {
    if (text.search(old) === -1) throw new Error(`${kind.file} has no ${old}`)
    text = text.replace(old, present)
  }
  return text
}

async function selfSigned(folder: string): Promise<Certificate> {
  const [certificate, key, both] = ['tls.pem', 'tls.key', 'both.pem'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string
  ]
  const made = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  const named = ['-subj', '/CN=roomcast', '-addext', 'subjectAltName=IP:127.0.0.1']
  await run('openssl', ['req', ...made, ...named, '-keyout', key, '-out', certificate])
  await writeFile(both, (await readFile(certificate, 'utf8')) + (await readFile(key, 'utf8')))
  return { certificate, key, both }
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  const open = await new Promise<boolean>((resolve) => {
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
  })
  socket.destroy()
  return open
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}
