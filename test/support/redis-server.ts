import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { Scope } from './scope.js'

export interface TestRedis {
  readonly url: string
  readonly port: number
  readonly process: ChildProcess
}

/** A real `redis-server` on a free port, or on the one given, and in a folder of its own; ended with the test. */
export async function startRedis(t: Scope, options: readonly string[] = [], wantedPort?: number): Promise<TestRedis> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-redis-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  for (;;) {
    const port = wantedPort ?? (await freePort())
    const server = spawn(
      'redis-server',
      ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no', ...options],
      { stdio: ['ignore', 'pipe', 'inherit'] }
    )
    // Somebody else may have taken the port since: then it ends at once, and another is tried.
    if (!(await begins(server))) continue
    t.teardown(() => end(server))
    return { url: `redis://127.0.0.1:${port}`, port, process: server }
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
