#!/usr/bin/env node
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { createHttpServer } from './app.js'
import { parseApiKeys } from './auth/api-keys.js'
import { type Config, ConfigError, loadConfig } from './config.js'
import { onShutdownSignals } from './shutdown.js'
import { StoreOpenError } from './store/store.js'
import { version } from './version.js'

/** An end that takes longer is cut. */
const CLOSE_TIMEOUT_MS = 15_000
/** Answers that are not read by then are cut. */
const ANSWERS_TIMEOUT_MS = 5000

await start()

async function start(): Promise<void> {
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
    onShutdownSignals({ begin: () => void end(server), hurry: () => hurry(server) })
    await server.listen({ host: config.HOST, port: config.PORT })
    process.stdout.write(describe(server, config))
  } catch (error) {
    process.stderr.write(`roomcast: ${explain(error)}\n`)
    process.exit(1)
  }
}

async function end(server: FastifyInstance): Promise<void> {
  setTimeout(() => server.server.closeAllConnections(), ANSWERS_TIMEOUT_MS).unref()
  setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref()
  try {
    await server.close()
    process.exit(0)
  } catch (error) {
    server.log.fatal({ err: error }, 'could not close cleanly')
    process.exit(1)
  }
}

/** The close frames are on their way: nobody is waited for any more. */
function hurry(server: FastifyInstance): void {
  for (const client of server.websocketServer.clients) client.terminate()
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
    '  users   open mode: everybody may use any name',
    `  keys    ${keys === 0 ? 'none: backends need no key' : `${keys} for backends`}`,
    ''
  ].join('\n')
}

/** One line for what an operator can mend, everything for what is our own fault. */
function explain(error: unknown): string {
  const known = error instanceof ConfigError || error instanceof StoreOpenError
  const { code, message, stack } = error as NodeJS.ErrnoException
  if (known || code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL') return message
  return stack ?? String(error)
}
