import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { createHttpServer, type RoomcastOptions } from '../../src/app.js'
import { type Config, parseConfig } from '../../src/config.js'
import { LiveClient, type LiveClientOptions } from './live-client.js'

export interface TestServer {
  readonly app: FastifyInstance
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** Opens a raw client and waits for its welcome; closed with the test. */
  connect(path?: string, options?: LiveClientOptions): Promise<LiveClient>
}

/** A real server on a free port, in memory unless `settings` say otherwise; closed with the test. */
export async function startServer(
  t: Test,
  settings: Partial<Config> = {},
  options: Omit<RoomcastOptions, 'settings'> = {}
): Promise<TestServer> {
  const config = parseConfig({
    LOG_LEVEL: 'error',
    DATA_DIR: 'memory',
    PORT: 0,
    PRESENCE_GRACE: 0,
    DRAIN_SECONDS: 0,
    ...settings
  })
  const app = createHttpServer(config, options)
  t.teardown(() => app.close())
  await app.listen({ host: settings.HOST ?? '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return {
    app,
    url: `http://127.0.0.1:${port}`,
    connect: async (path = '/ws', options = {}) => {
      const client = new LiveClient(`ws://127.0.0.1:${port}${path}`, options)
      t.teardown(() => client.terminate())
      await once(client.socket, 'open')
      await client.next((message) => message.action === 'connected')
      return client
    }
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a test says by its assertions what it expects
type Json = Record<string, any>

/** Asks the server over HTTP and gives status, headers and the parsed body. */
export async function request(
  url: string,
  { method = 'GET', body, headers = {} }: { method?: string; body?: unknown; headers?: Record<string, string> } = {}
): Promise<{ status: number; headers: Headers; body: Json }> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) })
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}
