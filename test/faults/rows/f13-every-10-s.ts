import { playFailovers } from '../failover/trial.js'
import type { FaultRow } from '../rig/row.js'

const row: FaultRow = {
  number: 'F13',
  fault: 'A node or the master is killed every 10 s, with Sentinel (`npm run test:failover` for longer)',
  ci: false,
  async run(rig) {
    const { kills, traffic, presenceMs } = await playFailovers(rig, { seconds: 40, onKill: () => {} })
    const masters = kills.filter(({ what }) => what === 'master').length
    return {
      seen:
        `${masters} masters and ${kills.length - masters} nodes killed; ${traffic.lost} of ${traffic.acknowledged} lost ` +
        `by Redis, and told; presence right after ${Math.round(presenceMs)} ms`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I9', 'I14'],
      recoveryMs: Math.max(...kills.map(({ recoveryMs }) => recoveryMs))
    }
  }
}

export default row
