import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'

/** A value in quotes may go over several lines. */
const assignments = /^[ \t]*(?:export[ \t]+)?[A-Za-z_]\w*[ \t]*=[ \t]*(?:(["'`])[\s\S]*?\1)?.*$/gm

/**
 * Names and values of a file such as `.env`; none where there is no file. Throws an `Error` of one line for a file that
 * cannot be read, and for a line that sets nothing: it names the line by its number, for a secret may stand there.
 */
export function readEnvFile(file: string): Record<string, string | undefined> {
  const text = readIfThere(file)
  const line = strayLine(text)
  if (line !== undefined) throw new Error(`${file}: line ${line} is neither NAME=value nor a comment`)
  return parseEnv(text)
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new Error(`${file} cannot be read: ${(error as Error).message}`)
  }
}

/** The first line, counted from 1, that `parseEnv` would pass over in silence. */
function strayLine(text: string): number | undefined {
  const rest = text.replaceAll(assignments, (found) => found.replaceAll(/[^\n]/g, ''))
  const index = rest.split('\n').findIndex((line) => !/^(#|\s*$)/.test(line))
  return index < 0 ? undefined : index + 1
}
