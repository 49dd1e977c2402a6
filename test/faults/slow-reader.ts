// `npm run test:slow-reader`: one that does not read among many that do, and the proof that it costs them nothing.
import { DriverScope } from '../support/scope.js'
import { startNodes } from './jitter/nodes.js'
import { runSlowTrial, type SlowTrialOutcome } from './slow/trial.js'
import { readArguments, runDriver } from './support/arguments.js'

const MB = 1024 * 1024
const RSS_GROWTH_MAX = 50 * MB
const P99_RATIO_MAX = 2
const standard = { readers: 50, megabytes: 100, size: 20_000, pace: 4, turns: 2, retained: 1000 }

await runDriver('test:slow-reader', async () => {
  const options = readArguments(process.argv.slice(2), standard, { store: ['embedded', 'redis', 'memory'] })
  const { readers, megabytes, size, pace, turns, retained, store } = options
  print(
    `${readers} fast readers, ${turns} turn(s) of ${megabytes} MB with a paused one and as much without, messages of ` +
      `${size} bytes at ${pace} MB/s, ${retained} retained, ${store}`
  )
  const scope = new DriverScope()
  try {
    const settings = { HISTORY_SIZE: String(retained), ...(store === 'memory' && { DATA_DIR: 'memory' }) }
    const [node] = await startNodes(scope, store === 'redis' ? 2 : 1, settings)
    const outcome = await runSlowTrial(scope, {
      ...{ url: node?.url ?? '', fastReaders: readers, bytes: megabytes * MB, messageBytes: size },
      ...{ pace: pace * MB, turns, retained }
    })
    print(describe(outcome))
    return isGood(outcome)
  } finally {
    await scope.end()
  }
})

function ratioOf({ withSlow, withoutSlow }: SlowTrialOutcome): number {
  return withSlow.percentile(99) / withoutSlow.percentile(99)
}

function isGood(outcome: SlowTrialOutcome): boolean {
  const { rssGrowths, violations } = outcome
  return (
    violations.length === 0 && ratioOf(outcome) < P99_RATIO_MAX && rssGrowths.every((growth) => growth < RSS_GROWTH_MAX)
  )
}

function describe(outcome: SlowTrialOutcome): string {
  const { rssGrowths, withSlow, withoutSlow, slowHeard, slowMissed, violations } = outcome
  const growths = rssGrowths.map((growth) => (growth / MB).toFixed(1)).join(', ')
  return [
    `  RSS growth with the slow one  ${growths} MB`,
    `  fast ones without it          ${withoutSlow.describe()}`,
    `  fast ones with it             ${withSlow.describe()}`,
    `  p99 with / without            ${ratioOf(outcome).toFixed(2)}`,
    `  the slow one, let go          ${slowHeard} messages, ${slowMissed} told as gone`,
    `  violations                    ${violations.length}`,
    ...violations.slice(0, 20).map((violation) => `    ${violation}`)
  ].join('\n')
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
