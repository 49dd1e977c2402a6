import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's folder, with a slash at its end: of the sources, also for tests that were compiled into another. */
export const root = rootAbove(fileURLToPath(new URL('.', import.meta.url)))

/** What modules end with where this runs: `.ts` for sources, `.js` for what was compiled. */
export const moduleExtension = path.extname(import.meta.url)

/** What Node needs to run such modules in a process of their own. */
export const moduleRunner: readonly string[] =
  moduleExtension === '.ts' ? [`--import=${import.meta.resolve('tsx')}`] : []

function rootAbove(folder: string): string {
  return existsSync(path.join(folder, 'package.json')) ? path.join(folder, path.sep) : rootAbove(path.dirname(folder))
}
