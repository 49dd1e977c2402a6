import type { AddressInfo } from 'node:net'
import { createHttpServer } from '../../src/app.js'
import { loadConfig, parseConfig } from '../../src/config.js'

const PROBE_MS = 2000

export interface Target {
  readonly url: URL
  /** For people: which server this is. */
  readonly description: string
  close(): Promise<void>
}

/** The server that was named, else the one that runs with these settings, else one of our own. */
export async function findTarget(given: URL | undefined): Promise<Target> {
  if (given !== undefined) return { url: given, description: `the server at ${given.origin}`, close: async () => {} }
  const { HOST, PORT } = loadConfig()
  const origin = `${reachable(HOST)}:${PORT}`
  if (PORT !== 0 && (await answers(`http://${origin}/health/live`))) {
    return {
      url: new URL(`ws://${origin}`),
      description: `the running server at ws://${origin}`,
      close: async () => {}
    }
  }
  return await startOwn()
}

/** An address that listens on all is called by its loopback name. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) })
    return response.ok && ((await response.json()) as { status?: unknown }).status === 'ok'
  } catch {
    return false
  }
}

async function startOwn(): Promise<Target> {
  const server = createHttpServer(parseConfig({ DATA_DIR: 'memory', LOG_LEVEL: 'error' }))
  await server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.address() as AddressInfo
  return {
    url: new URL(`ws://127.0.0.1:${port}`),
    description: `a server of its own in memory, at ws://127.0.0.1:${port}`,
    close: async () => await server.close()
  }
}
