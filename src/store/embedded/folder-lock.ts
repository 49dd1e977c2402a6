import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import path from 'node:path'
import { tryLock } from 'fs-native-extensions'
import { StoreOpenError } from '../store.js'

/** Another process works on the folder, or it cannot be opened. */
export class FolderError extends StoreOpenError {}

/**
 * Takes the folder for this process, creating it where needed. The lock is the kernel's: it dies with the process,
 * whatever ends it. Returns the function that gives it back.
 */
export function lockFolder(folder: string): () => void {
  const descriptor = openLockFile(folder)
  if (!tryLock(descriptor)) {
    closeSync(descriptor)
    throw new FolderError(`DATA_DIR ${folder} is in use by another process: give each server a folder of its own`)
  }
  return () => closeSync(descriptor)
}

function openLockFile(folder: string): number {
  try {
    makeFolder(path.resolve(folder))
    return openSync(path.join(folder, 'lock'), 'a+')
  } catch (error) {
    throw new FolderError(`DATA_DIR ${folder} cannot be opened: ${(error as Error).message}`)
  }
}

/** Step by step: Node's own recursive way does not end below `/proc`. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  makeFolder(path.dirname(folder))
  mkdirSync(folder)
}
