import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { root } from '../../test/support/root.js'
import { contestants } from '../contestants/contestants.js'
import { mergeHistograms, percentileMs } from '../load/histogram.js'
import type { Workload } from '../workloads/workload.js'
import { participants, type Results } from './results.js'
import { latenciesOf, summarize } from './summary.js'

const renderer = path.join(root, 'bench/plots/render.mjs')
const percentiles = [10, 25, 50, 75, 90, 95, 99, 99.5, 99.9]
const WIDTH = 640

interface Plot {
  readonly file: string
  readonly caption: string
  /** A specification of Vega-Lite. */
  readonly specification: object
}

const color = { field: 'contestant', type: 'nominal', sort: null, title: null, legend: { labelLimit: 0 } }

/** Draws what was measured into the folder, one SVG for each plot that has something to show. Gives their Markdown. */
export async function writePlots(all: readonly Workload[], results: Results, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  const plots = [ratesPlot(all, results), latencyPlot(all, results)].filter((plot) => plot !== undefined)
  for (const { file, specification } of plots) await writeFile(path.join(folder, file), draw(specification))
  return plots.map(({ file, caption }) => `![${caption}](${path.basename(folder)}/${file})`)
}

/** Throws where the plotting library fails. */
function draw(specification: object): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [renderer], {
    input: JSON.stringify(specification),
    encoding: 'utf8'
  })
  if (status !== 0) throw new Error(`no plot: ${stderr}`)
  return stdout
}

function ratesPlot(all: readonly Workload[], results: Results): Plot | undefined {
  const values = all
    .filter(({ unit }) => unit === 'deliveries/s')
    .flatMap((workload) =>
      participants(results).flatMap((name) => {
        const summary = summarize(workload, results.runs[workload.name]?.[name] ?? [])
        if (summary?.counts !== true) return []
        return [{ workload: workload.name, contestant: contestants[name].title, value: summary.value }]
      })
    )
  if (values.length === 0) return undefined
  const caption = 'Deliveries a second (logarithmic)'
  const specification = {
    ...frame(caption, values),
    height: { step: 44 },
    // Bars would have no honest foot on a logarithmic axis.
    mark: { type: 'point', filled: true, size: 140, opacity: 0.9 },
    encoding: {
      y: { field: 'workload', type: 'nominal', sort: null, title: null, axis: { grid: true } },
      x: { field: 'value', type: 'quantitative', scale: { type: 'log' }, title: 'deliveries a second' },
      color
    }
  }
  return { file: 'deliveries.svg', caption, specification }
}

function latencyPlot(all: readonly Workload[], results: Results): Plot | undefined {
  const workload = all.find(({ name }) => name === 'latency')
  const values = participants(results).flatMap((name) => {
    const encoded = latenciesOf(results.runs.latency?.[name] ?? [])
    if (encoded.length === 0) return []
    const merged = mergeHistograms(encoded)
    return percentiles.map((percent) => ({
      ...{ contestant: contestants[name].title, percentile: String(percent), ms: percentileMs(merged, percent) }
    }))
  })
  if (workload === undefined || values.length === 0) return undefined
  const caption = "Latency at half of Socket.IO's saturation, one room × 1,000"
  const specification = {
    ...frame(caption, values),
    height: 260,
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'percentile', type: 'ordinal', sort: null, title: 'percentile' },
      y: { field: 'ms', type: 'quantitative', title: 'milliseconds' },
      color
    }
  }
  return { file: 'latency.svg', caption, specification }
}

function frame(title: string, values: readonly object[]): object {
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title,
    width: WIDTH,
    background: 'white',
    data: { values }
  }
}
