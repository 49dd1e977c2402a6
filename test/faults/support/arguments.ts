import { parseArgs } from 'node:util'
import { freshSeed } from './random.js'

/** Wrong arguments; its message is one line for whoever typed them. */
export class ArgumentError extends Error {}

/** `--name N` for each default given, and `--name WORD` for each list of words; the first word is the default. */
export function readArguments<N extends string, W extends string>(
  argv: readonly string[],
  numbers: Readonly<Record<N, number>>,
  words: Readonly<Record<W, readonly string[]>>
): Record<N, number> & Record<W, string> {
  const names = [...Object.keys(numbers), ...Object.keys(words)]
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' } as const]))
  const given = parse(argv, options)
  const read: Record<string, number | string> = {}
  for (const [name, standard] of Object.entries<number>(numbers)) read[name] = wholeNumber(name, given[name], standard)
  for (const [name, allowed] of Object.entries<readonly string[]>(words)) read[name] = word(name, given[name], allowed)
  return read as Record<N, number> & Record<W, string>
}

/** Runs a driver to its end and tells by the exit code whether what it proves holds: 0 yes, 1 no, 2 wrong arguments. */
export async function runDriver(name: string, run: () => Promise<boolean>): Promise<never> {
  try {
    process.exit((await run()) ? 0 : 1)
  } catch (error) {
    const known = error instanceof ArgumentError
    process.stderr.write(`${name}: ${known ? error.message : ((error as Error).stack ?? error)}\n`)
    process.exit(known ? 2 : 1)
  }
}

/** The default of `--seed`: another each time, and printed. */
export const seed = freshSeed()

function parse(argv: readonly string[], options: Record<string, { type: 'string' }>): Record<string, unknown> {
  try {
    return parseArgs({ args: [...argv], options }).values
  } catch (error) {
    throw new ArgumentError((error as Error).message)
  }
}

function wholeNumber(name: string, text: unknown, standard: number): number {
  if (text === undefined) return standard
  if (typeof text !== 'string' || !/^\d{1,10}$/.test(text)) throw new ArgumentError(`--${name}: not a number: ${text}`)
  return Number(text)
}

function word(name: string, text: unknown, allowed: readonly string[]): string {
  const chosen = text ?? allowed[0]
  if (typeof chosen === 'string' && allowed.includes(chosen)) return chosen
  throw new ArgumentError(`--${name}: one of ${allowed.join(', ')} instead of ${chosen}`)
}
