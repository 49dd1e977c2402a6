import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { moduleExtension, moduleRunner } from '../../test/support/root.js'
import { startChild } from '../processes/child.js'
import type { Workload } from './workload.js'

const driver = fileURLToPath(new URL(path.join('../../test/faults', `jitter${moduleExtension}`), import.meta.url))
const SECONDS = 30
const TIMEOUT_MS = 120_000

/** What `npm run test:jitter` proves, for half of its time. */
export const jitter: Workload = {
  name: 'jitter',
  title: '1,000 clients, each killed about every 15 s and 2 s away',
  unit: '% delivered',
  asked: '100 %, none twice, in order',
  contestants: ['roomcast'],
  isQuick: false,
  runs: 1,
  async run({ scope }) {
    const command = [process.execPath, ...moduleRunner, driver, '--seconds', String(SECONDS)]
    const child = await startChild(scope, { command })
    const [code] = await once(child.process, 'exit', { signal: AbortSignal.timeout(TIMEOUT_MS) })
    const text = child.output()
    const [, delivered = Number.NaN, expected = Number.NaN] = (/delivered +(\d+) of (\d+)/.exec(text) ?? []).map(Number)
    const twice = Number(/sent twice +(\d+)/.exec(text)?.[1] ?? Number.NaN)
    const violations = Number(/violations +(\d+)/.exec(text)?.[1] ?? Number.NaN)
    return {
      ...{ value: (delivered / expected) * 100, connected: delivered > 0 ? 1000 : 0 },
      more: { delivered, expected, twice, violations },
      ...(code !== 0 && { complaint: `test:jitter ended with ${code}` })
    }
  },
  isMet: (of) => {
    const ours = of('roomcast')
    return ours === undefined ? undefined : ours.value === 100 && ours.more.twice === 0 && ours.more.violations === 0
  }
}
