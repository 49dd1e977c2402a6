// Sees to it that the programs are there that the tests run: says nothing where they are.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Debian's packages, and what each is there for under the names that it has elsewhere. */
const packages = {
  'redis-server': ['redis-server'],
  chromium: ['chromium', 'chromium-browser', 'google-chrome'],
  nginx: ['nginx'],
  haproxy: ['haproxy']
}
/** Where Debian has its servers; not on the PATH of everybody. */
const SERVERS = '/usr/sbin'
const LOCK = '/run/roomcast-set-up.lock'
const OUTPUT_BYTES_MAX = 67_108_864
/** Asked by Debian before it starts, restarts or stops a service. */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d'
const REFUSAL =
  '#!/bin/sh\n# Written by the set-up of the tests of roomcast, which removes it: no service is touched.\nexit 101\n'

const missing = Object.keys(packages).filter((name) => !packages[name].some(isOnPath))
if (missing.length > 0) process.exitCode = provide()

function isOnPath(program) {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), SERVERS]
  return folders.some((folder) => isExecutable(path.join(folder, program)))
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Gives the exit code. */
function provide() {
  if (process.getuid?.() !== 0 || !isOnPath('apt-get')) {
    process.stderr.write(`The tests need ${missing.join(' and ')} on the PATH: please install.\n`)
    return 1
  }
  return process.argv.includes('--locked') ? install() : installLocked()
}

/** Another set-up may be at it: when it is done, nothing may be missing any more. */
function installLocked() {
  const again = [process.execPath, fileURLToPath(import.meta.url), '--locked']
  const { status, error } = spawnSync('flock', [LOCK, ...again], { stdio: 'inherit' })
  if (error) process.stderr.write(`${error.message}\n`)
  return status ?? 1
}

function install() {
  process.stderr.write(`Installing ${missing.join(' and ')} for the tests ...\n`)
  const guarded = refuseServices()
  try {
    return aptGet('update') && aptGet('install', '--no-install-recommends', ...missing) ? 0 : 1
  } finally {
    if (guarded) rmSync(SERVICE_POLICY, { force: true })
  }
}

/** The package would start its service, and libraries would restart others. False where somebody else decides that. */
function refuseServices() {
  if (existsSync(SERVICE_POLICY)) return readFileSync(SERVICE_POLICY, 'utf8') === REFUSAL
  writeFileSync(SERVICE_POLICY, REFUSAL, { mode: 0o755 })
  // The signal reaches apt too, and what comes after it removes the file.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
  return true
}

/** Quiet unless it fails. */
function aptGet(...command) {
  const { status, error, stdout, stderr } = spawnSync('apt-get', ['-y', '-o', 'DPkg::Lock::Timeout=300', ...command], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX
  })
  if (status === 0) return true
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}apt-get ${command.join(' ')}: ${error ?? status}\n`)
  return false
}
