import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { root } from '../support/root.js'

/** The oldest version of each that has the fixes it needs, and what these are. */
const floors: Record<string, [version: string, why: string]> = {
  ws: ['8.23.0', 'CVE-2026-45736, CVE-2026-48779; answers to pings are bounded'],
  '@fastify/websocket': ['11.3.2', 'errors of sockets during the handshake ended the process'],
  ioredis: ['6.0.0', 'answers of Redis are input: prototypes, depth'],
  '@fastify/redis': ['9.0.0', 'goes with ioredis 6'],
  fastify: ['5.12.0', 'time-outs of requests and handlers'],
  'secure-json-parse': ['4.0.0', 'constructor.prototype'],
  jose: ['6.0.0', 'the algorithms go with the key']
}

function readJson(file: string) {
  return JSON.parse(readFileSync(path.join(root, file), 'utf8'))
}

function isAtLeast(version: string, floor: string): boolean {
  const [has, needs] = [version, floor].map((text) => text.split('-')[0]?.split('.').map(Number) ?? [])
  const index = [0, 1, 2].find((place) => has?.[place] !== needs?.[place])
  return index === undefined || (has?.[index] ?? 0) > (needs?.[index] ?? 0)
}

t.test('versions are compared number by number', async (t) => {
  t.ok(isAtLeast('8.23.0', '8.23.0') && isAtLeast('8.100.0', '8.23.0') && isAtLeast('9.0.0', '8.23.0'))
  t.notOk(isAtLeast('8.9.9', '8.23.0') || isAtLeast('7.99.0', '8.23.0') || isAtLeast('8.22.9', '8.23.0'))
})

t.test('no dependency is older than the fixes that it needs', async (t) => {
  const { dependencies } = readJson('package.json')
  const { packages } = readJson('package-lock.json')
  for (const [name, [floor, why]] of Object.entries(floors)) {
    t.ok(isAtLeast(readJson(`node_modules/${name}/package.json`).version, floor), `${name} ${floor}: ${why}`)
    t.ok(isAtLeast(dependencies[name].replace(/^\^/, ''), floor), `package.json asks for ${name} ${floor}`)
    // Whatever asks for one by itself has it below its own folder.
    for (const [place, { version, dev }] of Object.entries<{ version: string; dev?: boolean }>(packages)) {
      if (!place.endsWith(`node_modules/${name}`) || dev) continue
      t.ok(isAtLeast(version, floor), `${place} is ${version}`)
    }
  }
})

t.test('the lock file knows each package that the server needs by its hash', async (t) => {
  const { packages } = readJson('package-lock.json')
  const installed = Object.entries<{ integrity?: string; dev?: boolean; optional?: boolean }>(packages).filter(
    ([place, { dev, optional }]) => place !== '' && !dev && !optional
  )
  t.strictSame(
    installed.filter(([, { integrity }]) => integrity === undefined).map(([place]) => place),
    []
  )
})
