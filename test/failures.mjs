// What failed in the last run, at the end of its output: of tens of thousands of lines these are the ones to read.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../.tap/test-results', import.meta.url))
const LINES_MAX = 40
const LETTERS_MAX = 300

for (const file of readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.tap'))) {
  const lines = readFileSync(path.join(folder, file), 'utf8').split('\n')
  for (const [index, line] of lines.entries()) {
    if (/^ *not ok /.test(line)) process.stderr.write(`\n${file}\n${report(lines.slice(index, index + LINES_MAX))}\n`)
  }
}

/** The line of a failed assertion, and what was said of it. */
function report(lines) {
  const end = lines.findIndex((line) => line.trim() === '...')
  const shown = lines[1]?.trim() === '---' ? lines.slice(0, end + 1 || undefined) : lines.slice(0, 1)
  return shown.map((line) => line.slice(0, LETTERS_MAX)).join('\n')
}
