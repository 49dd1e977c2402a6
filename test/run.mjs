// Runs compiled tests, each file in a process of its own: `node test/run.mjs [FOLDER [FILE …]]`, all of build/test
// without. tap's own runner loads every module through a second thread and watches it, in the servers that tests start
// as well: it takes half as long again.
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { failuresOf } from './failures.mjs'

/** Side by side: tests wait as much as they work. */
const JOBS = 3
/** A test that does not say otherwise may take so long. */
const TIMEOUT_SECONDS = 240
/** Nobody may: one that hangs cannot be asked to end. */
const LIMIT_MS = 600_000
/** Those that take longest begin first, or the others are done and wait for them. */
const LONGEST = ['faults/rows', 'faults/kill-rounds', 'model/model', 'simulation/simulation', 'faults/rig/rig']

const preload = new URL('without-domains.mjs', import.meta.url).href
const folder = path.resolve(process.argv[2] ?? fileURLToPath(new URL('../build/test', import.meta.url)))
const results = path.join(folder, '.results')

rmSync(results, { recursive: true, force: true })
const waiting = process.argv.length > 3 ? process.argv.slice(3) : testsIn(folder)
const count = waiting.length
const failures = []
let assertions = 0
if (count === 0) failures.push(`no tests in ${folder}`)
await Promise.all(Array.from({ length: JOBS }, work))
console.log(`${count} files, ${failures.length} failed, ${assertions} assertions, ${seconds(performance.now())}`)
if (failures.length > 0) {
  console.error(`\n${failures.join('\n\n')}`)
  process.exitCode = 1
}

function testsIn(folder) {
  const names = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.test.js'))
  const rank = (name) => LONGEST.indexOf(name.slice(0, -'.test.js'.length)) + 1 || LONGEST.length + 1
  return names.sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1))
}

async function work() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const begun = performance.now()
    const failure = await fault(name)
    if (failure !== undefined) failures.push(`${name}: ${failure}`)
    console.log(`${failure === undefined ? 'ok' : 'not ok'} ${name} (${seconds(performance.now() - begun)})`)
  }
}

/** Runs one file; gives why it failed, if it did. */
async function fault(name) {
  const file = path.join(results, name)
  mkdirSync(path.dirname(file), { recursive: true })
  const [output, errors] = [`${file}.tap`, `${file}.err`]
  const end = await endOf(path.join(folder, name), [output, errors])
  const said = readFileSync(output, 'utf8')
  assertions += Number(/^# \{ total: (\d+)/m.exec(said)?.[1] ?? 0)
  // Also one that ran nothing has failed.
  if (end === 0 && /^1\.\.[1-9]/m.test(said)) return undefined
  return `ended with ${end}\n${failuresOf({ output: said, errors: readFileSync(errors, 'utf8') })}`
}

/** Runs one file into files, which fill no pipe, and whose end nobody can put off; gives its exit code or signal. */
async function endOf(test, files) {
  const stdio = files.map((file) => openSync(file, 'w'))
  const child = spawn(process.execPath, ['--enable-source-maps', `--import=${preload}`, test], {
    env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT_SECONDS) },
    stdio: ['ignore', ...stdio],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL'
  })
  for (const descriptor of stdio) closeSync(descriptor)
  return await new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)))
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`
}
