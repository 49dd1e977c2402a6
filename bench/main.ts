// `npm run bench`: how fast Roomcast is beside its peers and the kernel, on this machine, at this hour.
import { ArgumentError } from '../test/faults/support/arguments.js'
import { parseArguments, usage } from './arguments.js'
import { bench } from './bench.js'
import { workloads } from './workloads/workloads.js'

const EXIT_GOOD = 0
const EXIT_BAD = 1
const EXIT_WRONG_ARGUMENTS = 2
const EXIT_INTERRUPTED = 130

const END_MS = 10_000
const interruption = new AbortController()

async function start(): Promise<number> {
  try {
    const names = workloads.map(({ name }) => name)
    const chosen = parseArguments(process.argv.slice(2), names)
    if (chosen !== undefined) return (await bench(chosen, print, interruption.signal)) ? EXIT_GOOD : EXIT_BAD
    print(`${usage}\nWorkloads: ${names.join(', ')}`)
    return EXIT_GOOD
  } catch (error) {
    return explain(error)
  }
}

/** One line for what can be mended by whoever called, everything for the rest. */
function explain(error: unknown): number {
  if (interruption.signal.aborted) return EXIT_INTERRUPTED
  const isKnown = error instanceof ArgumentError
  process.stderr.write(`bench: ${isKnown ? error.message : ((error as Error).stack ?? error)}\n`)
  return isKnown ? EXIT_WRONG_ARGUMENTS : EXIT_BAD
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interruption.abort()
    setTimeout(() => process.exit(EXIT_INTERRUPTED), END_MS).unref()
  })
}

process.exit(await start())
