import type { ContestantName } from '../contestants/contestant.js'
import { contestants } from '../contestants/contestants.js'
import type { Unit, Workload } from '../workloads/workload.js'
import { countingSummary, participants, type Results } from './results.js'
import { type Summary, summarize } from './summary.js'

/** One line for each workload, in Markdown: what is asked, what everybody has, and how often Roomcast holds the peer. */
export function renderTable(all: readonly Workload[], results: Results): string {
  const names = participants(results)
  const head = ['workload', 'asked', ...names.map((name) => contestants[name].title), 'met']
  const rows = all.map((workload) => [
    workload.title,
    workload.asked,
    ...names.map((name) => renderCell(workload, results, name)),
    renderVerdict(workload, all, results)
  ])
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Under the table: what does not count, and what else was seen. */
export function renderRemarks(all: readonly Workload[], results: Results): string[] {
  const remarks = all.flatMap((workload) =>
    participants(results).flatMap((name) => {
      const summary = summarize(workload, results.runs[workload.name]?.[name] ?? [])
      return summary === undefined || summary.objections.length === 0
        ? []
        : [`${workload.name}, ${contestants[name].title}: ${summary.objections.join('; ')}.`]
    })
  )
  const absent = Object.entries(results.absent).map(([name, why]) => `${name} took no part: ${why}.`)
  return [...remarks, ...absent]
}

/** Whether the target is met, out of what counts; undefined where that cannot be told. */
export function isMet(workload: Workload, all: readonly Workload[], { runs }: Results): boolean | undefined {
  return workload.isMet(
    (name) => countingSummary(workload, runs[workload.name], name),
    (other, name) => {
      const found = all.find((one) => one.name === other)
      return found === undefined ? undefined : countingSummary(found, runs[other], name)
    }
  )
}

/** Three digits are enough. */
export function renderValue(value: number, unit: Unit): string {
  if (Number.isNaN(value)) return '–'
  if (unit === 'deliveries/s' || unit === 'acks/s') return `${thousands(value)}/s`
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(3))} ${unit.startsWith('%') ? '%' : unit}`
}

function renderCell(workload: Workload, { runs }: Results, name: ContestantName): string {
  const summary = summarize(workload, runs[workload.name]?.[name] ?? [])
  if (summary === undefined) return ''
  const value = renderValue(summary.value, workload.unit) + spreadText(summary) + details(workload, summary)
  if (!summary.counts) return `(${value})`
  const ours = countingSummary(workload, runs[workload.name], 'roomcast')
  return name === 'roomcast' || ours === undefined ? value : `${value}, ${renderRatio(ours.value / summary.value)}`
}

/** Roomcast's value as a multiple of the peer's. */
function renderRatio(times: number): string {
  return `× ${times >= 10 ? Math.round(times) : times.toPrecision(2)}`
}

function spreadText({ spread, runs }: Summary): string {
  return runs < 2 ? '' : ` ± ${Math.round((spread / 2) * 100)} %`
}

/** What belongs beside the value of this workload. */
function details({ percentile, name }: Workload, { p50, p99, more }: Summary): string {
  const parts = [
    percentile === 99 && p50 !== undefined && `p50 ${p50.toPrecision(3)} ms`,
    percentile === 50 && p99 !== undefined && `p99 ${p99.toPrecision(3)} ms`,
    percentile === 99 && more.gcPercent !== undefined && `GC ${more.gcPercent.toFixed(1)} %`,
    ['growth', 'storm', 'storm-redis', 'crowd', 'crowd-redis'].includes(name) &&
      more.loopDelayP99Ms !== undefined &&
      `loop p99 ${more.loopDelayP99Ms.toFixed(0)} ms`,
    name === 'compression' && compressionDetails(more),
    more.calmP99Ms !== undefined && `another room p99 ${more.calmP99Ms.toFixed(0)} ms`,
    more.readsPerRoom !== undefined && `${more.readsPerRoom.toPrecision(2)} reads a room`,
    more.goneSeconds !== undefined && `gone within ${more.goneSeconds.toPrecision(3)} s`,
    more.goneLoopDelayP99Ms !== undefined && `loop p99 then ${more.goneLoopDelayP99Ms.toFixed(0)} ms`,
    more.goneCalmP99Ms !== undefined && `another room p99 then ${more.goneCalmP99Ms.toFixed(0)} ms`,
    more.refused !== undefined && more.refused > 0 && `${Math.round(more.refused)} refused at first`
  ].filter((part) => part !== false)
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

function compressionDetails({ serverPercent = Number.NaN, deliveriesPerSecond = Number.NaN }: Summary['more']): string {
  return `${renderValue(deliveriesPerSecond, 'deliveries/s')} with ${serverPercent.toFixed(0)} % of a core`
}

function renderVerdict(workload: Workload, all: readonly Workload[], results: Results): string {
  if (results.runs[workload.name] === undefined) return 'not run'
  const met = isMet(workload, all, results)
  return met === undefined ? '–' : met ? 'yes' : '**no**'
}

function thousands(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} M`
  return value >= 1000 ? `${Number((value / 1000).toPrecision(3))} k` : String(Math.round(value))
}
