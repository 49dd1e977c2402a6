import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { ConfigError } from './config.js'
import { refuseTwins } from './rooms/room-families.js'
import { isRoomFamily, type RoomFamily } from './rooms/room-family.js'

/**
 * The families that an ES module gives as its default export. `file` is relative to the working directory. Throws
 * `ConfigError`, naming the setting.
 */
export async function loadRoomFamilies(file: string): Promise<readonly RoomFamily[]> {
  if (!existsSync(file)) throw new ConfigError(`ROOMS_MODULE: ${file} does not exist`)
  const families = await importDefault(file)
  if (!Array.isArray(families) || !families.every(isRoomFamily)) {
    throw new ConfigError(`ROOMS_MODULE: the default export of ${file} is not a list of what defineRoom gives`)
  }
  try {
    refuseTwins(families)
  } catch (error) {
    throw new ConfigError(`ROOMS_MODULE: ${(error as Error).message}`)
  }
  return families
}

async function importDefault(file: string): Promise<unknown> {
  try {
    const loaded: { default?: unknown } = await import(pathToFileURL(file).href)
    return loaded.default
  } catch (error) {
    const [fault = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    throw new ConfigError(`ROOMS_MODULE: ${file} cannot be loaded: ${fault}`)
  }
}
