import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { createHttpServer } from '../../src/app.js'
import { type Config, parseConfig } from '../../src/config.js'
import type { Message } from '../support/live-client.js'
import type { Scope } from '../support/scope.js'
import { request } from '../support/server.js'
import { SECRET, signToken } from '../support/tokens.js'
import type { Route, Surface } from './actions.js'
import { Neighbour } from './neighbour.js'

const KEY = 'a-key-that-may-do-everything'
const LAST_MOMENT_S = Date.parse('9999-12-31T23:59:59Z') / 1000
const READING_KEY = 'a-key-that-may-read-and-nothing-else'

/** Little is kept, and not for long: what is there at the end was not let go of. */
const settings = {
  LOG_LEVEL: 'error',
  HISTORY_SIZE: 100,
  INBOX_SIZE: 100,
  IDEMPOTENCY_TTL: 1,
  SESSION_TTL: 1,
  PRESENCE_GRACE: 0,
  DRAIN_SECONDS: 0,
  RATE_LIMIT_PER_SECOND: 0
}

/** A server under attack, and somebody who uses it. */
export interface Target extends Surface {
  readonly title: string
  readonly app: FastifyInstance
  readonly url: string
  readonly neighbour: Neighbour
  /** The welcome of whoever went without a word. */
  dropped: Message | undefined
  /** For whoever may do everything. */
  readonly credential: string
  /** Headers of the handshake of a user; an empty name is nobody's. Who is revoked goes on under another name. */
  headersOf(user: string): Promise<Record<string, string>>
  pathOf(user: string): string
  /** All tokens of the user are revoked. */
  onRevoked(user: string): void
}

export interface TargetOptions {
  readonly title: string
  readonly settings: Partial<Config>
  /** Users need tokens, backends keys. */
  readonly guarded: boolean
}

/** Every route of a server, as it registers them. */
export function routesOf(app: FastifyInstance): Route[] {
  const routes: Route[] = []
  app.addHook('onRoute', ({ method, url, schema }) => {
    for (const name of [method].flat()) routes.push({ method: name, url, schema: (schema ?? {}) as Route['schema'] })
  })
  return routes
}

export async function startTarget(scope: Scope, { title, guarded, ...options }: TargetOptions): Promise<Target> {
  const guards = { JWT_SECRET: SECRET, API_KEYS: `${KEY},read:${READING_KEY}` }
  const config = parseConfig({ DATA_DIR: 'memory', ...settings, ...options.settings, ...(guarded ? guards : {}) })
  const app = createHttpServer(config)
  const routes = routesOf(app)
  scope.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const identity = identityOf(guarded)
  const neighbour = await Neighbour.move(scope, { url, ...identity })
  const credentials = guarded ? [KEY, READING_KEY, 'garbage'].map((key) => `Bearer ${key}`) : []
  const tokens = guarded ? await Promise.all(['a', 'b', ''].map(tokenOf)) : []
  const credential = credentials[0] ?? ''
  await found(url, credential)
  return { title, app, url, routes, neighbour, dropped: undefined, credentials, credential, tokens, ...identity }
}

/** Groups with members, or hardly anybody would get that far. */
async function found(url: string, credential: string): Promise<void> {
  const headers = credential === '' ? undefined : { authorization: credential }
  for (const group of ['a', 'lobby']) {
    for (const user of ['a', 'b']) await request(`${url}/groups/${group}/members/${user}`, { method: 'PUT', headers })
  }
}

function identityOf(guarded: boolean): Pick<Target, 'headersOf' | 'pathOf' | 'onRevoked'> {
  const revoked = new Set<string>()
  const nameOf = (user: string): string => (revoked.has(user) ? nameOf(`${user}+`) : user)
  return {
    headersOf: async (user): Promise<Record<string, string>> => {
      return guarded && user !== '' ? { authorization: `Bearer ${await tokenOf(nameOf(user))}` } : {}
    },
    pathOf: (user) => (guarded || user === '' ? '/ws' : `/ws?user_id=${encodeURIComponent(user)}`),
    onRevoked: (user) => void revoked.add(user)
  }
}

/** Issued after whatever a revocation may name: else the first one of all tokens would end the campaign. */
async function tokenOf(user: string): Promise<string> {
  return await signToken({ sub: user, iat: LAST_MOMENT_S, exp: Math.floor(Date.now() / 1000) + 86_400 })
}
