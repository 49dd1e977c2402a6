import { readFile, writeFile } from 'node:fs/promises'
import os from 'node:os'
import type { RowResult } from './run-row.js'

const begin = '<!-- the table of npm run test:faults begins -->'
const end = '<!-- the table of npm run test:faults ends -->'

/** One line for each row, in Markdown. */
export function renderTable(results: readonly RowResult[]): string {
  const lines = results.map(({ row, seen, broken }) =>
    [row.number, row.fault, seen?.seen ?? `**broken**: ${firstLine(broken)}`, heldOf(seen), recoveryOf(seen)].join(
      ' | '
    )
  )
  return [
    '| # | fault | seen | invariants held | recovered after |',
    '| --- | --- | --- | --- | --- |',
    ...lines.map((line) => `| ${line} |`)
  ].join('\n')
}

/** Puts the table, and how it came about, between the two marks of a document. */
export async function writeTable(document: string, results: readonly RowResult[], seed: number): Promise<void> {
  const text = await readFile(document, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`${document} has no place for the table`)
  const table = `${begin}\n\n${provenance(seed)}\n\n${renderTable(results)}\n\n`
  await writeFile(document, text.slice(0, from) + table + text.slice(to))
}

function provenance(seed: number): string {
  const machine = `${os.cpus().length} processors, ${Math.round(os.totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`
  const day = new Date().toISOString().slice(0, 10)
  return `\`npm run test:faults -- --seed ${seed} --write\` made this on ${day} (${machine}).`
}

function heldOf(seen: RowResult['seen']): string {
  return [...(seen?.held ?? [])].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1))).join(' ')
}

function recoveryOf(seen: RowResult['seen']): string {
  return seen?.recoveryMs === undefined ? '' : `${(seen.recoveryMs / 1000).toFixed(1)} s`
}

function firstLine(text = ''): string {
  return (text.split('\n')[0] ?? '').replaceAll('|', '\\|')
}
