import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../support/root.js'

export interface NamedTest {
  /** From the root, in TypeScript. */
  readonly file: string
  /** What the title begins with, or all of it. */
  readonly title: string
}

/** One item of the checklist in docs/security.md. */
export interface Row {
  readonly id: string
  readonly item: string
  readonly tests: readonly NamedTest[]
}

export function readRows(): Row[] {
  const text = readFileSync(path.join(root, 'docs/security.md'), 'utf8')
  return text.split('\n').flatMap((line) => {
    const [, id, item, done, held] = /^\| (S\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/.exec(line) ?? []
    if (id === undefined || item === undefined || done === undefined || held === undefined) return []
    const tests = [...held.matchAll(/`(test\/[\w./-]+\.ts)` “([^”]+)”/g)].map(([, file = '', title = '']) => ({
      file,
      title
    }))
    return [{ id, item, tests }]
  })
}

/** Whether a test is there: its file, and its title in it. */
export function isThere({ file, title }: NamedTest): boolean {
  const place = path.join(root, file)
  return existsSync(place) && readFileSync(place, 'utf8').includes(title)
}

/** What a file of tests is called below build/test. */
export function compiledName(file: string): string {
  return path.relative('test', file).replace(/\.ts$/, '.js')
}

/** How a test ended when it was last run, as `test/run.mjs` has written it down; undefined where it was not. */
export function resultOf({ file, title }: NamedTest): boolean | undefined {
  const found = path.join(root, 'build/test/.results', `${compiledName(file)}.tap`)
  if (!existsSync(found)) return undefined
  const results = readFileSync(found, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, not, name = ''] = /^ *(not )?ok \d+ - (.*)$/.exec(line) ?? []
      return name.startsWith(title) ? [not === undefined] : []
    })
  return results.length === 0 ? undefined : results.every((good) => good)
}
