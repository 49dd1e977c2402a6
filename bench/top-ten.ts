// Prints where the busy time of a CPU profile went: `tsx bench/top-ten.ts FILE.cpuprofile`.
import { readFileSync } from 'node:fs'
import path from 'node:path'

const COUNT = 10
/** Waiting, and the beginning of the profile itself. */
const unwanted = ['(idle)', '`dispatch` (native)']

interface Profile {
  readonly nodes: ReadonlyArray<{
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
  }>
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const [file = ''] = process.argv.slice(2)
const { nodes, samples, timeDeltas }: Profile = JSON.parse(readFileSync(file, 'utf8'))
const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
const times = new Map<string, number>()
for (const [index, id] of samples.entries()) {
  const name = names.get(id) ?? ''
  if (unwanted.includes(name)) continue
  times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0))
}
const total = [...times.values()].reduce((sum, time) => sum + time, 0)
const top = [...times].sort(([, a], [, b]) => b - a).slice(0, COUNT)
for (const [name, time] of top) console.log(`| ${name} | ${((100 * time) / total).toFixed(1)} % |`)

/** Functions by name and file, whatever machine it was. */
function nameOf({ functionName, url }: Profile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? 'anonymous' : functionName
  if (name.startsWith('(')) return name
  if (url === '') return `\`${name}\` (native)`
  const place = url.startsWith('node:') ? url : url.split('/').slice(-2).join('/')
  return `\`${name}\` (${place.replace(path.extname(place), '')})`
}
