// `npm run test:jitter`: clients that are killed again and again, and the proof that each hears everything once.
import { DriverScope } from '../support/scope.js'
import { cpuSeconds, startNodes } from './jitter/nodes.js'
import { PackageClient } from './jitter/package-client.js'
import { type JitterOutcome, runJitter } from './jitter/swarm.js'
import { readArguments, runDriver, seed } from './support/arguments.js'
import { Random } from './support/random.js'

const standard = { clients: 1000, seconds: 60, nodes: 1, rooms: 10, rate: 2, life: 15_000, away: 2000, seed }

await runDriver('test:jitter', async () => {
  const options = readArguments(process.argv.slice(2), standard, {})
  const { clients, seconds, nodes: count, rooms, rate, life, away } = options
  print(
    `${clients} clients, ${rooms} rooms with ${rate} messages a second each, ${seconds} s, ${count} node(s); killed ` +
      `every ${life} ms, away for ${away} ms; seed ${options.seed}`
  )
  const scope = new DriverScope()
  try {
    const nodes = await startNodes(scope, count)
    const before = await Promise.all(nodes.map(cpuSeconds))
    const begun = performance.now()
    const outcome = await runJitter(scope, {
      ...{ urls: nodes.map(({ url }) => url), create: (options) => new PackageClient(options) },
      ...{ clients, rooms, roomsPerClient: Math.min(2, rooms), seconds, rate, lifeMs: life, awayMs: away },
      random: new Random(options.seed)
    })
    const elapsed = (performance.now() - begun) / 1000
    const after = await Promise.all(nodes.map(cpuSeconds))
    print(describe(outcome))
    for (const [index, used] of after.entries()) {
      print(`  CPU of node ${index + 1}        ${(((used - (before[index] ?? 0)) / elapsed) * 100).toFixed(0)} %`)
    }
    return isGood(outcome)
  } finally {
    await scope.end()
  }
})

function isGood({ tally, expected }: JitterOutcome): boolean {
  return (
    tally.violations.length === 0 &&
    tally.surprises.length === 0 &&
    tally.delivered === expected &&
    tally.repeated === 0
  )
}

function describe({ tally, published, expected }: JitterOutcome): string {
  const outcomes = [...tally.outcomes].map(([name, count]) => `${name} ${count}`).join(', ')
  return [
    `  published            ${published}`,
    `  delivered            ${tally.delivered} of ${expected}`,
    `  sent twice           ${tally.repeated}`,
    `  drops                ${tally.drops}`,
    `  rooms resumed        ${outcomes}`,
    `  latency live         ${tally.live.describe()}`,
    `  latency after return ${tally.late.describe()}`,
    `  violations           ${tally.violations.length}`,
    ...tally.violations.slice(0, 20).map((violation) => `    ${violation}`)
  ].join('\n')
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
