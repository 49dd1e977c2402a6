import { readFile } from 'node:fs/promises'

const TICKS_PER_SECOND = 100

/** Seconds of processor time that a process has used so far; NaN where the system does not tell. */
export async function processorSeconds(pid: number): Promise<number> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name stands in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    return Number.NaN
  }
}

/** Shares of a core that this process and another use from now on. */
export async function startShares(pid: number): Promise<() => Promise<{ client: number; server: number }>> {
  const [begun, own, other] = [performance.now(), process.cpuUsage(), await processorSeconds(pid)]
  return async () => {
    const seconds = (performance.now() - begun) / 1000
    const { user, system } = process.cpuUsage(own)
    return { client: (user + system) / 1e6 / seconds, server: ((await processorSeconds(pid)) - other) / seconds }
  }
}
