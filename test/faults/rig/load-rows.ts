import { readdir } from 'node:fs/promises'
import { moduleExtension } from '../../support/root.js'
import type { FaultRow } from './row.js'

const folder = new URL('../rows/', import.meta.url)
const fileName = new RegExp(`^f\\d\\d(-[a-z0-9-]+)?\\${moduleExtension}$`)

/** Every row there is, by its number; variants of one fault by the name of their file. */
export async function loadRows(): Promise<FaultRow[]> {
  const names = (await readdir(folder)).filter((name) => fileName.test(name)).sort()
  const modules = await Promise.all(names.map((name) => import(new URL(name, folder).href)))
  return modules.map((module) => module.default as FaultRow)
}
