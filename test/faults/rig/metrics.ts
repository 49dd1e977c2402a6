import { readFile } from 'node:fs/promises'

/** A metric of a node, without its labels; NaN where it has none of that name. */
export async function readMetric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(new RegExp(`^${name}(?:{[^}]*})? ([\\d.e+-]+)`, 'm').exec(text)?.[1] ?? Number.NaN)
}

/** Processor time that a process has used, in ticks of 10 ms: of the kernel, so that it need not be asked. */
export async function processorTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name stands in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
