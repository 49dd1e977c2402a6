import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../../test/support/root.js'
import { startChild } from '../processes/child.js'
import { vitalsOptions } from '../processes/vitals.js'
import type { Contestant } from './contestant.js'
import { listening } from './listening.js'

const folder = path.join(root, 'bench/peers')

/** A server in `bench/peers`, which runs a package that is installed there. */
export function nodePeer(
  options: Pick<Contestant, 'name' | 'title' | 'wire'> & { readonly program: string; readonly package: string }
): Contestant {
  const manifest = path.join(folder, 'node_modules', options.package, 'package.json')
  return {
    ...options,
    tellsVitals: true,
    absence: () => (existsSync(manifest) ? undefined : `${options.package} is not installed in bench/peers`),
    version: () => JSON.parse(readFileSync(manifest, 'utf8')).version,
    async start(scope, { cores, redisUrl }) {
      const command = [process.execPath, ...vitalsOptions, path.join(folder, options.program)]
      const env: Record<string, string> = redisUrl === undefined ? {} : { REDIS_URL: redisUrl }
      return await listening(await startChild(scope, { command, core: cores.server, env }))
    }
  }
}
