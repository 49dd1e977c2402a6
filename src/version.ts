import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Of package.json, which lies one folder higher for the sources than for the build. */
export const version: string = readVersion(path.dirname(fileURLToPath(import.meta.url)))

function readVersion(folder: string): string {
  try {
    return createRequire(import.meta.url)(path.join(folder, 'package.json')).version
  } catch {
    return readVersion(path.dirname(folder))
  }
}
