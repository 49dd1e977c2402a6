import type { Workload } from '../workloads/workload.js'
import type { Results } from './results.js'
import { renderRemarks, renderTable } from './table.js'

/** What a bench has to say, in Markdown: how it came about, the table, and what does not count. */
export function renderReport(all: readonly Workload[], results: Results): string {
  const remarks = renderRemarks(all, results).map((remark) => `- ${remark}`)
  return [provenance(results), renderTable(all, results), ...(remarks.length > 0 ? [remarks.join('\n')] : [])].join(
    '\n\n'
  )
}

function provenance({ commands, startedAt, machine, loadAverage, versions }: Results): string {
  const { processors, model, memoryGigabytes, system, node, commit, isPinned } = machine
  const others = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return (
    `${commands.map((command) => `\`${command}\``).join(', ')} made this on ${startedAt.slice(0, 10)}: ${processors} × ${model}, ${memoryGigabytes} GB, ${system}, ` +
    `Node ${node}, commit ${commit}; ${others.join(', ')}. ` +
    `The load average before was ${loadAverage.toFixed(1)}. ` +
    (isPinned ? 'Servers and load had a core each.' : 'Nothing was pinned to a core.')
  )
}
