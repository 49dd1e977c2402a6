import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { aclRule } from '../../src/store/redis/acl.js'
import type { Scope } from './scope.js'

export interface TestRedis {
  /** For a server: as a user that may do what `acl.ts` says, and nothing else. */
  readonly url: string
  /** The same, besides all channels: for an application that chooses its own. */
  readonly applicationUrl: string
  readonly port: number
  readonly process: ChildProcess
}

const PASSWORD = 'test-password'
/** Tests make prefixes of their own, most of them UUIDs: globs stand for these. */
const otherPrefixes = ['test-????????', 'model-????????', '????????-????-????-????-????????????']
const rule = [...aclRule('roomcast'), ...otherPrefixes.flatMap((prefix) => [`~${prefix}:*`, `&${prefix}:*`])]

/** The users of every test's Redis, besides the default one, who may do everything. */
const users = { roomcast: rule, application: [...rule, 'allchannels'] } as const

/** Arguments of `redis-server`. */
export const userOptions = Object.entries(users).flatMap(([name, may]) => {
  return ['--user', name, 'on', `>${PASSWORD}`, ...may]
})

/** `redis://…` of a user of the tests. */
export function urlOf(port: number, user: keyof typeof users = 'roomcast'): string {
  return `redis://${user}:${PASSWORD}@127.0.0.1:${port}`
}

/** A real `redis-server` on a free port, or on the one given, and in a folder of its own; ended with the test. */
export async function startRedis(t: Scope, options: readonly string[] = [], wantedPort?: number): Promise<TestRedis> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-redis-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  for (;;) {
    const port = wantedPort ?? (await freePort())
    const server = spawn(
      'redis-server',
      [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--dir',
        folder,
        '--save',
        '',
        '--appendonly',
        'no',
        ...userOptions,
        ...options
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] }
    )
    // Somebody else may have taken the port since: then it ends at once, and another is tried.
    if (!(await begins(server))) continue
    t.teardown(() => end(server))
    return { url: urlOf(port), applicationUrl: urlOf(port, 'application'), port, process: server }
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

async function begins(server: ChildProcess): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    let log = ''
    server.stdout?.on('data', (text) => {
      log += text
      if (log.includes('Ready to accept connections')) resolve(true)
    })
    server.once('exit', () => (log.includes('Address already in use') ? resolve(false) : reject(new Error(log))))
    server.once('error', reject)
  })
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  server.kill('SIGKILL')
  await once(server, 'exit')
}
