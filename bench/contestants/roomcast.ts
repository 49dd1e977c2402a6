import { readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../../test/support/root.js'
import { builtServer, temporaryFolder } from '../../test/support/server-process.js'
import { startChild } from '../processes/child.js'
import { vitalsOptions } from '../processes/vitals.js'
import type { Contestant } from './contestant.js'
import { listening } from './listening.js'

/** Its limits would be measured instead of its speed; everything else is as it comes. */
const settings = { PORT: '0', LOG_LEVEL: 'error', RATE_LIMIT_PER_SECOND: '0', MAX_CONNECTIONS: '20000' }

export const roomcast: Contestant = {
  name: 'roomcast',
  title: 'Roomcast',
  wire: 'roomcast',
  tellsVitals: true,
  absence: () => undefined,
  version: () => JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version,
  async start(scope, { cores, redisUrl, env }) {
    const store: Record<string, string> =
      redisUrl === undefined ? { DATA_DIR: await temporaryFolder(scope) } : { REDIS_URL: redisUrl, DRAIN_SECONDS: '0' }
    const command = [process.execPath, ...vitalsOptions, ...builtServer()]
    return await listening(
      await startChild(scope, { command, core: cores.server, env: { ...settings, ...store, ...env } })
    )
  }
}

/** The same with permessage-deflate. */
export const roomcastDeflate: Contestant = {
  ...roomcast,
  name: 'roomcast-deflate',
  title: 'Roomcast, COMPRESSION',
  deflates: true,
  start: (scope, options) => roomcast.start(scope, { ...options, env: { ...options.env, COMPRESSION: 'true' } })
}
