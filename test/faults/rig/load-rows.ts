import { readdir } from 'node:fs/promises'
import type { FaultRow } from './row.js'

const folder = new URL('../rows/', import.meta.url)
const fileName = /^f\d\d(-[a-z0-9-]+)?\.ts$/

/** Every row there is, by its number; variants of one fault by the name of their file. */
export async function loadRows(): Promise<FaultRow[]> {
  const names = (await readdir(folder)).filter((name) => fileName.test(name)).sort()
  const modules = await Promise.all(names.map((name) => import(new URL(name, folder).href)))
  return modules.map((module) => module.default as FaultRow)
}
