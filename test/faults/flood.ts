// `npm run test:flood`: some do what they can against a server while others chat, and the proof that these do not mind.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { moduleExtension, moduleRunner } from '../support/root.js'
import { DriverScope, type Scope } from '../support/scope.js'
import { SECRET, signToken } from '../support/tokens.js'
import { Honest } from './flood/honest.js'
import type { Attack, Damage } from './flood/hostile.js'
import { rssOf, startNodes } from './jitter/nodes.js'
import { readArguments, runDriver } from './support/arguments.js'
import type { Latencies } from './support/latencies.js'

const MB = 1024 * 1024
const P99_RATIO_MAX = 2
const RSS_GROWTH_MAX = 150 * MB
/** As long as what is thrown out comes back in full strength. */
const ONSET_MS = 3000
const standard = { messages: 100_000, handshakes: 1000, silent: 1000, clients: 100, seconds: 15, turns: 2 }

/** What the README recommends in the open. */
const settings = {
  DATA_DIR: 'memory',
  JWT_SECRET: SECRET,
  RATE_LIMIT_PER_SECOND: '100',
  RATE_LIMIT_IP_FACTOR: '20',
  MAX_CONNECTIONS_PER_IP: '1000',
  HANDSHAKES_PER_SECOND: '500'
}

await runDriver('test:flood', async () => {
  const { messages, handshakes, silent, clients, seconds, turns } = readArguments(process.argv.slice(2), standard, {})
  print(
    `${clients} chat; against them one connection with ${messages} messages a second, ${handshakes} slow handshakes and ` +
      `${silent} silent sockets; ${turns} turn(s) of ${seconds} s with and without`
  )
  const scope = new DriverScope()
  try {
    const [node] = await startNodes(scope, 1, settings)
    if (node === undefined) throw new Error('no server')
    const { port } = new URL(node.url)
    const exp = Math.floor(Date.now() / 1000) + 86_400
    const token = await signToken({ sub: 'hostile', exp })
    const attack = { token, port: Number(port), path: '/ws', messages, handshakes, silent }
    const url = `${node.url.replace('http', 'ws')}/ws`
    const options = { url, clients, together: 10, pauseMs: 200 }
    const honest = await Honest.enter(scope, options, (sub) => signToken({ sub, exp }))
    await honest.chat(2000)
    const ratios: number[] = []
    const growths: number[] = []
    for (let turn = 1; turn <= turns; turn++) {
      const calm = await honest.chat(seconds * 1000)
      const before = await rssOf(node)
      const hostile = await begin(scope, attack)
      await honest.chat(ONSET_MS)
      const measured = honest.chat(seconds * 1000)
      const highest = await highestWhile(measured, () => rssOf(node))
      const flooded = await measured
      const damage = await tell(hostile)
      hostile.kill('SIGKILL')
      ratios.push(flooded.percentile(99) / calm.percentile(99))
      growths.push(highest - before)
      print(describe({ turn, calm, flooded, growth: highest - before, damage }))
      await honest.chat(ONSET_MS)
    }
    const { sent, refused, closed } = honest.faults
    print(`  honest: ${sent} messages, ${refused} refused, ${closed} connections closed`)
    print(await countersOf(node.url))
    return (
      Math.max(...ratios) <= P99_RATIO_MAX && Math.max(...growths) < RSS_GROWTH_MAX && refused === 0 && closed === 0
    )
  } finally {
    await scope.end()
  }
})

async function begin(scope: Scope, attack: Attack): Promise<ChildProcess> {
  const file = fileURLToPath(new URL(`./flood/hostile${moduleExtension}`, import.meta.url))
  const child = spawn(process.execPath, [...moduleRunner, file], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  scope.teardown(() => child.kill('SIGKILL'))
  await once(child, 'message')
  child.send(attack)
  return child
}

async function tell(child: ChildProcess): Promise<Damage> {
  const told = once(child, 'message')
  child.send('tell')
  const [damage] = await told
  return damage as Damage
}

async function highestWhile(work: Promise<unknown>, read: () => Promise<number>): Promise<number> {
  let [highest, over] = [0, false]
  void work.then(() => {
    over = true
  })
  while (!over) {
    highest = Math.max(highest, await read())
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  return highest
}

interface Turn {
  readonly turn: number
  readonly calm: Latencies
  readonly flooded: Latencies
  readonly growth: number
  readonly damage: Damage
}

function describe({ turn, calm, flooded, growth, damage }: Turn): string {
  const { sent, connections, refused, slow, silent } = damage
  return [
    `  turn ${turn}`,
    `    undisturbed       ${calm.describe()}`,
    `    under the flood   ${flooded.describe()}`,
    `    p99 with/without  ${(flooded.percentile(99) / calm.percentile(99)).toFixed(2)}`,
    `    growth of RSS     ${(growth / MB).toFixed(1)} MB`,
    `    hostile           ${sent} messages over ${connections} connections, ${refused} refused; ${slow} slow, ${silent} silent`
  ].join('\n')
}

/** What the server has refused. */
async function countersOf(url: string): Promise<string> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const names = /^roomcast_(rate_limited|closed_connections|refused_handshakes|refused_messages)_total\{.* [1-9]/
  return text
    .split('\n')
    .filter((line) => names.test(line))
    .map((line) => `  ${line}`)
    .join('\n')
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
