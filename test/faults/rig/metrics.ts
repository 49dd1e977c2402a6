import assert from 'node:assert'
import { readFile } from 'node:fs/promises'

/** A metric of a node, by its name and its labels as Prometheus writes them: `name{told="gap"}`. NaN where it has none. */
export async function readMetric(url: string, series: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1) ?? Number.NaN)
}

/** Throws where one of these nodes has not counted it at all (I13). */
export async function assertCounted(urls: readonly string[], series: string): Promise<void> {
  for (const url of urls) assert.ok((await readMetric(url, series)) > 0, `I13: ${series} is not counted`)
}

/** Processor time that a process has used, in ticks of 10 ms: of the kernel, so that it need not be asked. */
export async function processorTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name stands in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
