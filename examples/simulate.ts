// `npm run simulate`: clients that talk to each other, and the proof that all of them heard the same.
import { ConfigError } from '../src/config.js'
import { ArgumentError, parseArguments, type SimulationArguments, usage } from './simulate/arguments.js'
import { createProgress } from './simulate/progress.js'
import { describeOutcome, isGood } from './simulate/report.js'
import { simulate } from './simulate/simulation.js'
import { findTarget } from './simulate/target.js'

const EXIT_GOOD = 0
const EXIT_BAD = 1
const EXIT_WRONG_ARGUMENTS = 2

async function run(options: SimulationArguments): Promise<number> {
  const { clients, messages, room } = options
  const target = await findTarget(options.url)
  process.stdout.write(`${clients} clients, ${messages} messages each, in room ${room} of ${target.description}\n`)
  const progress = createProgress(clients * clients * messages, process.stderr)
  const outcome = await simulate(target.url, options, progress.update)
  progress.stop()
  process.stdout.write(describeOutcome(outcome))
  await target.close()
  return isGood(outcome) ? EXIT_GOOD : EXIT_BAD
}

/** One line for what can be mended by whoever called, everything for the rest. */
function explain(error: unknown): number {
  const known = error instanceof ArgumentError || error instanceof ConfigError
  const text = known ? `${error.message} (--help tells more)` : ((error as Error).stack ?? String(error))
  process.stderr.write(`simulate: ${text}\n`)
  return known ? EXIT_WRONG_ARGUMENTS : EXIT_BAD
}

async function start(): Promise<number> {
  try {
    const options = parseArguments(process.argv.slice(2))
    if (options !== undefined) return await run(options)
    process.stdout.write(usage)
    return EXIT_GOOD
  } catch (error) {
    return explain(error)
  }
}

process.exit(await start())
