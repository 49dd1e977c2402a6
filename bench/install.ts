import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { root } from '../test/support/root.js'

/** Installs what a folder of the bench needs into that folder, where that is missing or older than its lock. */
export function installInto(folder: string, onInstall: (folder: string) => void): void {
  const prefix = path.join(root, folder)
  if (isInstalled(prefix)) return
  onInstall(folder)
  const options = ['ci', '--prefix', prefix, '--no-audit', '--no-fund', '--ignore-scripts']
  const { status, stderr } = spawnSync('npm', options, { encoding: 'utf8', cwd: prefix })
  if (status !== 0) throw new Error(`npm ci in ${folder}: ${stderr}`)
}

function isInstalled(prefix: string): boolean {
  const [lock, installed] = [
    path.join(prefix, 'package-lock.json'),
    path.join(prefix, 'node_modules/.package-lock.json')
  ]
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs
}
