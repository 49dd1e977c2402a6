import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { createHttpServer } from './app.js'
import { parseApiKeys } from './auth/api-keys.js'
import { systemClock } from './clock.js'
import { type Config, ConfigError, loadConfig, takesTokens } from './config.js'
import type { Shutdown } from './shutdown.js'
import { StoreOpenError } from './store/store.js'
import { version } from './version.js'

/** An end that takes longer is cut; the time in which the clients are sent elsewhere comes before. */
const CLOSE_TIMEOUT_MS = 18_000
/** Answers that are not read by then are cut. */
const ANSWERS_TIMEOUT_MS = 5000
/**
 * Connections that wait to be taken in; the kernel has a bound of its own (`somaxconn`). One that finds no place asks again
 * after 1, 3 and 7 seconds, and a herd that comes back waits for those.
 */
const BACKLOG = 4096

/** Runs the server until `shutdown` is asked for, and ends the process. */
export async function serve(shutdown: Shutdown): Promise<void> {
  try {
    const config = loadConfig()
    const server = createHttpServer(config)
    process.on('uncaughtException', (error) => {
      server.log.fatal({ err: error }, 'uncaught exception')
      process.exit(1)
    })
    process.on('unhandledRejection', (error) => {
      // lmdb leaves copies of a failed commit behind; whoever asked for it was told.
      const { commitError } = (error ?? {}) as { commitError?: Promise<never> }
      if (commitError === undefined) throw error
      commitError.catch(() => {})
    })
    shutdown.steps = { begin: () => void end(server, config.DRAIN_SECONDS * 1000), hurry: () => hurry(server) }
    await server.listen({ host: config.HOST, port: config.PORT, backlog: BACKLOG })
    if (!shutdown.begun) process.stdout.write(describe(server, config))
  } catch (error) {
    // A start that was broken off has nothing to complain of: the end goes on, and exits.
    if (shutdown.begun) return
    process.stderr.write(`roomcast: ${explain(error)}\n`)
    process.exit(1)
  }
}

async function end(server: FastifyInstance, drainMs: number): Promise<void> {
  cutAfter(drainMs, server)
  try {
    await server.close()
    process.exit(0)
  } catch (error) {
    server.log.fatal({ err: error }, 'could not close cleanly')
    process.exit(1)
  }
}

/** The drain is given up, and nothing else. */
function hurry(server: FastifyInstance): void {
  cutAfter(0, server)
  // Not there yet where the start itself is being ended.
  if (server.hasDecorator('live')) server.live.hurry()
}

function cutAfter(delayMs: number, { server }: FastifyInstance): void {
  systemClock.after(delayMs + ANSWERS_TIMEOUT_MS, () => server.closeAllConnections())
  systemClock.after(delayMs + CLOSE_TIMEOUT_MS, () => process.exit(1))
}

/** What an operator wants to see first. */
function describe(server: FastifyInstance, config: Config): string {
  const { port } = server.server.address() as AddressInfo
  const url = `http://${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${port}`
  const keys = parseApiKeys(config.API_KEYS).length
  return [
    `Roomcast ${version} listens on ${url}`,
    `  live    ${url.replace('http', 'ws')}/ws`,
    `  page    ${url}/`,
    `  docs    ${url}/docs`,
    `  store   ${server.store.description}`,
    `  users   ${takesTokens(config) ? 'by their tokens' : 'open mode: everybody may use any name'}`,
    `  keys    ${keys === 0 ? 'none: backends need no key' : `${keys} for backends`}`,
    ''
  ].join('\n')
}

interface ListenError extends NodeJS.ErrnoException {
  readonly hostname?: string
  readonly address?: string
}

/** How it shows that there is nothing to listen on at HOST. */
const hostless = new Set(['getaddrinfo ENOTFOUND', 'getaddrinfo EAI_AGAIN', 'listen EADDRNOTAVAIL'])

/** One line for what an operator can mend, everything for what is our own fault. */
function explain(error: unknown): string {
  const known = error instanceof ConfigError || error instanceof StoreOpenError
  const { code, syscall, hostname, address, message, stack } = error as ListenError
  const host = hostless.has(`${syscall} ${code}`) ? (hostname ?? address) : undefined
  if (host !== undefined) return `HOST: ${host} is no address of this machine (${code})`
  if (known || code === 'EADDRINUSE' || code === 'EACCES') return message
  return stack ?? String(error)
}
