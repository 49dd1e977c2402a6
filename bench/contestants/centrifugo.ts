import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { freePort } from '../../test/support/redis-server.js'
import { temporaryFolder } from '../../test/support/server-process.js'
import { startChild } from '../processes/child.js'
import type { Contestant, Running } from './contestant.js'

const START_TIMEOUT_MS = 20_000
const LOOK_MS = 50

/** Clients without a name may do here what they may do with the others. */
const settings = {
  client: {
    insecure: true,
    allow_anonymous_connect_without_token: true,
    channel_limit: 10_000
  },
  channel: {
    without_namespace: {
      allow_subscribe_for_client: true,
      allow_subscribe_for_anonymous: true,
      allow_publish_for_client: true,
      allow_publish_for_anonymous: true,
      history_size: 1000,
      history_ttl: '24h'
    }
  },
  log: { level: 'error' }
}

/** In memory, as it comes; over its JSON protocol. */
export const centrifugo: Contestant = {
  name: 'centrifugo',
  title: 'Centrifugo',
  wire: 'centrifugo',
  tellsVitals: false,
  absence: () => (version() === undefined ? 'no centrifugo on the PATH' : undefined),
  version: () => version() ?? '',
  async start(scope, { cores }) {
    const file = path.join(await temporaryFolder(scope), 'config.json')
    const port = await freePort()
    const http_server = { address: '127.0.0.1', port }
    await writeFile(file, JSON.stringify({ ...settings, http_server }))
    const child = await startChild(scope, {
      command: ['centrifugo', '--config', file],
      core: cores.server,
      env: { GOMAXPROCS: '1' }
    })
    return await answering({ child, port, url: `http://127.0.0.1:${port}` })
  }
}

function version(): string | undefined {
  const { stdout, status } = spawnSync('centrifugo', ['version'], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/** It does not say when it listens: any answer will do. */
async function answering(running: Running): Promise<Running> {
  const until = performance.now() + START_TIMEOUT_MS
  while (performance.now() < until) {
    const answer = await fetch(running.url).catch(() => undefined)
    if (answer !== undefined) return running
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  throw new Error(`centrifugo: ${running.child.output()}`)
}
