// `npm run test:kill`: rounds of publishing and kill -9, and the proof that nothing acknowledged is lost.
import { DriverScope } from '../support/scope.js'
import { type StoreName, storeNames } from './kill/rigs.js'
import { playKillRounds, type RoundReport } from './kill/rounds.js'
import { streamNames } from './kill/streams.js'
import { readArguments, runDriver, seed } from './support/arguments.js'
import { Random } from './support/random.js'

await runDriver('test:kill', async () => {
  const numbers = { rounds: 50, seed, spread: 1500 }
  const options = readArguments(process.argv.slice(2), numbers, { store: ['both', ...storeNames] })
  const stores = options.store === 'both' ? storeNames : [options.store as StoreName]
  let violations = 0
  for (const store of stores) violations += await play(store, options)
  return violations === 0
})

async function play(
  store: StoreName,
  { rounds, seed, spread: spreadMs }: { rounds: number; seed: number; spread: number }
): Promise<number> {
  print(`${store}: ${rounds} rounds, seed ${seed}`)
  const scope = new DriverScope()
  const reports: RoundReport[] = []
  const onRound = (report: RoundReport) => {
    reports.push(report)
    print(describe(report))
  }
  try {
    const violations = await playKillRounds(scope, { store, rounds, spreadMs, random: new Random(seed), onRound })
    print(summary(store, reports, violations))
    return violations.length
  } finally {
    await scope.end()
  }
}

function describe(report: RoundReport): string {
  const { round, killed, afterMs, acknowledged, unacknowledged, storedAnyway, heard, violations } = report
  const counts = streamNames.map((name) => `${name} ${acknowledged[name]}`).join(', ')
  const verdict = violations.length === 0 ? 'ok' : violations.join('\n  ')
  return (
    `round ${round}: ${killed} killed after ${afterMs} ms; acknowledged ${counts}; ` +
    `${unacknowledged} unknown, ${storedAnyway} of them stored; ${heard} heard live: ${verdict}`
  )
}

function summary(store: StoreName, reports: readonly RoundReport[], violations: readonly string[]): string {
  const sum = (count: (report: RoundReport) => number) => reports.reduce((total, report) => total + count(report), 0)
  const rows: Array<[name: string, value: number]> = [
    ['rounds', reports.length],
    ['server killed', sum(({ killed }) => Number(killed === 'server'))],
    ['Redis killed', sum(({ killed }) => Number(killed === 'redis'))],
    ...streamNames.map((name): [string, number] => [`acknowledged ${name}`, sum((one) => one.acknowledged[name])]),
    ['unknown outcome', sum(({ unacknowledged }) => unacknowledged)],
    ['of them stored', sum(({ storedAnyway }) => storedAnyway)],
    ['heard live', sum(({ heard }) => heard)],
    ['violations', violations.length]
  ]
  const table = rows.map(([name, value]) => `  ${name.padEnd(20)} ${String(value).padStart(9)}`)
  return [`${store}, in all`, ...table, ...violations.slice(0, 20)].join('\n')
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
