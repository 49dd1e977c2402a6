import type { Child } from '../processes/child.js'
import type { Running } from './contestant.js'

const START_TIMEOUT_MS = 20_000

/** Waits for the line that tells the address. Rejects where the process ends first, or takes too long. */
export async function listening(child: Child): Promise<Running> {
  const url = await new Promise<URL>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no server: ${child.output()}`)), START_TIMEOUT_MS)
    const look = () => {
      const [, found] = /listens on (http:\S+)/.exec(child.output()) ?? []
      if (found === undefined) return
      clearTimeout(timer)
      resolve(new URL(found))
    }
    child.process.stdout?.on('data', look)
    child.process.once('exit', () => reject(new Error(`the server ended: ${child.output()}`)))
    look()
  })
  return { child, port: Number(url.port), url: url.origin }
}
