// `npm run test:failover`: three nodes on a master, two replicas and three Sentinels; one is killed every 10 seconds.
import { DriverScope } from '../support/scope.js'
import type { Kill } from './failover/group.js'
import { type FailoverReport, playFailovers } from './failover/trial.js'
import { Rig } from './rig/rig.js'
import { readArguments, runDriver, seed } from './support/arguments.js'

await runDriver('test:failover', async () => {
  const options = readArguments(process.argv.slice(2), { seconds: 120, seed }, {})
  print(`three nodes, a master, two replicas and three Sentinels for ${options.seconds} s; seed ${options.seed}`)
  const scope = new DriverScope()
  try {
    const rig = new Rig(scope, options.seed)
    const onKill = ({ what, recoveryMs }: Kill) => print(`${what} killed, all well again after ${seconds(recoveryMs)}`)
    print(describe(await playFailovers(rig, { seconds: options.seconds, onKill })))
    for (const crash of rig.crashes) print(crash)
    return rig.crashes.length === 0
  } finally {
    await scope.end()
  }
})

function describe({ kills, traffic, forks, presenceMs }: FailoverReport): string {
  const count = (kind: Kill['what']) => kills.filter(({ what }) => what === kind).length
  const slowest = Math.max(...kills.map(({ recoveryMs }) => recoveryMs))
  const rows: Array<[name: string, value: number | string]> = [
    ['masters killed', count('master')],
    ['nodes killed', count('node')],
    ['slowest recovery', seconds(slowest)],
    ['acknowledged', traffic.acknowledged],
    ['unknown outcome, tried again', traffic.unknown],
    ['lost by Redis, and told', traffic.lost],
    ['heard', traffic.heard],
    ['heard again', traffic.repeated],
    ['told by reset', traffic.resets],
    ['told by gap', traffic.gaps],
    ['members that came back', traffic.comebacks],
    ['epochs that ended', forks],
    ['slowest answer', seconds(traffic.slowestAnswerMs)],
    ['presence right after', seconds(presenceMs)],
    ['violations', 0]
  ]
  return rows.map(([name, value]) => `  ${name.padEnd(30)} ${String(value).padStart(9)}`).join('\n')
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
