import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { LiveClient } from './live-client.js'
import { root } from './root.js'
import type { Scope } from './scope.js'

export interface ServerProcess {
  readonly process: ChildProcess
  readonly url: string
  /** What it has written to stdout and stderr so far. */
  output(): string
  connect(path?: string): Promise<LiveClient>
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

export type Environment = Readonly<Record<string, string>>

/** A folder for this test only; gone with it. */
export async function temporaryFolder(t: Scope): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-test-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

let built: readonly string[] | undefined

/** What `npm start` runs, built if that is due: it begins in a third of the time that its sources need. */
export function builtServer(): readonly string[] {
  built ??= build()
  return built
}

function build(): readonly string[] {
  const { status, stderr } = spawnSync(process.execPath, [path.join(root, 'src/build.mjs')], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the build failed: ${stderr}`)
  const file = path.join(root, 'dist/src/server.js')
  return [...nodeOptionsOf(file), file]
}

/** What the first line of a script gives to Node. */
export function nodeOptionsOf(file: string): string[] {
  const [firstLine = ''] = readFileSync(file, 'utf8').split('\n', 1)
  return firstLine.split(' ').filter((word) => word.startsWith('--'))
}

/** The server as a process of its own. It has not begun to listen. */
export function spawnServer(
  t: Scope,
  env: Environment,
  cwd = root,
  program: readonly string[] = builtServer(),
  args: readonly string[] = []
): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [...program, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', LOG_LEVEL: 'error', PORT: '0', DRAIN_SECONDS: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  t.teardown(() => {
    child.kill('SIGKILL')
  })
  let output = ''
  const collect = (text: Buffer) => {
    output += text
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  return { child, output: () => output }
}

/** A server process that listens on a free port; killed with the test. */
export async function startServerProcess(
  t: Scope,
  env: Environment,
  program?: readonly string[]
): Promise<ServerProcess> {
  const { child, output } = spawnServer(t, env, root, program)
  const url = await listening(child, output)
  return {
    process: child,
    url,
    output,
    connect: async (place = '/ws') => {
      const client = new LiveClient(`${url.replace('http', 'ws')}${place}`)
      t.teardown(() => client.terminate())
      await client.next((message) => message.action === 'connected')
      return client
    },
    end: async (signal) => {
      const exited = once(child, 'exit')
      child.kill(signal)
      const [code, by] = await exited
      return { code, signal: by }
    }
  }
}

/** Waits for the line that tells the address; rejects with the output where the process ends first. */
export async function listening(child: ChildProcess, output: () => string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const look = () => {
      const [, url] = /listens on (http:\S+)/.exec(output()) ?? []
      if (url !== undefined) resolve(url)
    }
    child.stdout?.on('data', look)
    child.once('exit', () => reject(new Error(`the server ended: ${output()}`)))
    look()
  })
}
