// What a release needs besides the tests: that none of what it brings along is known to be weak. Where the registry
// answers no such question the check says so and passes, unless --strict is given.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  cwd: root,
  encoding: 'utf8',
  timeout: 120_000
})
const found = read(stdout)
if (found === undefined) {
  process.stderr.write('release check: the registry was not asked, or did not answer: nothing is known.\n')
  process.exitCode = process.argv.includes('--strict') ? 1 : 0
} else {
  const names = Object.entries(found).map(([name, { severity }]) => `${name} (${severity})`)
  process.stdout.write(`release check: ${names.length === 0 ? 'no known weakness' : names.join(', ')}\n`)
  process.exitCode = names.length === 0 ? 0 : 1
}

/** The weak packages by name; undefined where that is no answer. */
function read(text) {
  try {
    return JSON.parse(text).vulnerabilities
  } catch {
    return undefined
  }
}
