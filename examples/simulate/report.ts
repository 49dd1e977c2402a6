import type { Outcome } from './simulation.js'

/** Whether every client heard everything, in one order. */
export function isGood({ tally, disorder, heartbeats, failure }: Outcome): boolean {
  const complete = tally.delivered === tally.expected && heartbeats.answered === heartbeats.sent
  return complete && disorder === undefined && failure === undefined
}

/** The table at the end. */
export function describeOutcome({ tally, disorder, heartbeats, failure }: Outcome): string {
  const rows: Array<[name: string, value: string]> = [
    ['delivered', `${tally.delivered} of ${tally.expected}`],
    ['one order for all', disorder === undefined ? 'yes' : `no: ${disorder}`],
    ['heartbeats answered', `${heartbeats.answered} of ${heartbeats.sent}`],
    ['latency p50', `${tally.latency(50).toFixed(2)} ms`],
    ['latency p99', `${tally.latency(99).toFixed(2)} ms`],
    ['messages per second', `${perSecond(tally.sent, tally)} sent, ${perSecond(tally.delivered, tally)} delivered`]
  ]
  if (failure !== undefined) rows.push(['failed', failure])
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}\n`).join('')
}

function perSecond(count: number, { seconds }: Outcome['tally']): number {
  return seconds === 0 ? 0 : Math.round(count / seconds)
}
