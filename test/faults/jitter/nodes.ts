import { randomUUID } from 'node:crypto'
import { startRedis } from '../../support/redis-server.js'
import type { Scope } from '../../support/scope.js'
import { request } from '../../support/server.js'
import { type ServerProcess, startServerProcess, temporaryFolder } from '../../support/server-process.js'

/** One server over the embedded store on the disk, or several over one Redis; each is a process of its own. */
export async function startNodes(scope: Scope, count: number, settings: Record<string, string> = {}) {
  const store: Record<string, string> =
    count === 1
      ? { DATA_DIR: await temporaryFolder(scope) }
      : { REDIS_URL: (await startRedis(scope)).url, REDIS_PREFIX: randomUUID() }
  const env = { ...store, RATE_LIMIT_PER_SECOND: '0', ...settings }
  return await Promise.all(Array.from({ length: count }, () => startServerProcess(scope, env)))
}

/** Seconds of processor time that a server has used so far. */
export async function cpuSeconds({ url }: ServerProcess): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^roomcast_process_cpu_seconds_total ([\d.e+-]+)/m.exec(text)?.[1] ?? Number.NaN)
}

/** Bytes of memory that a server has at the moment. */
export async function rssOf({ url }: Pick<ServerProcess, 'url'>): Promise<number> {
  return (await request(`${url}/stats`)).body.process_rss_bytes
}
