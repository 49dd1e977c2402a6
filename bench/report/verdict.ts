import type { Measurement } from '../workloads/workload.js'

const CLIENT_FULL = 0.97
const SERVER_FULL = 0.95

/** Why a run does not count; undefined where it does. */
export function verdictOf(measurement: Measurement): string | undefined {
  const { complaint, connected = 1, delivered = 0, expected = 0, surplus = 0, shares } = measurement
  if (complaint !== undefined) return complaint
  if (connected === 0) return 'nobody connected'
  if (surplus > 0 || delivered > expected) return `${Math.max(surplus, delivered - expected)} delivered too many`
  if (delivered < expected) return `${expected - delivered} of ${expected} not delivered`
  if (shares === undefined || shares.client < CLIENT_FULL || shares.server >= SERVER_FULL) return undefined
  return `the load was at ${percent(shares.client)} of its core, the server at ${percent(shares.server)}`
}

function percent(share: number): string {
  return Number.isNaN(share) ? 'an unknown share' : `${Math.round(share * 100)} %`
}
