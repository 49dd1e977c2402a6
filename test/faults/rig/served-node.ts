import type { AddressInfo } from 'node:net'
import { createHttpServer } from '../../../src/app.js'
import { systemClock } from '../../../src/clock.js'
import { parseConfig } from '../../../src/config.js'
import type { Scope } from '../../support/scope.js'
import type { Environment } from '../../support/server-process.js'

/** How far a wall clock is ahead of this machine's. */
export interface WallClock {
  aheadMs: number
}

/** A node in this process, whose wall clock can be set while its steady one goes on. Answers its address. */
export async function startServedNode(scope: Scope, env: Environment, wall: WallClock): Promise<string> {
  const clock = { ...systemClock, now: () => systemClock.now() + wall.aheadMs }
  const config = parseConfig({ LOG_LEVEL: 'error', PORT: 0, ...env } as never)
  const app = createHttpServer(config, { clock })
  scope.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}
