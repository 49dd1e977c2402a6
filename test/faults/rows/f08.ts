import { blackHole } from '../proxy/manner.js'
import { freeze } from '../rig/freeze.js'
import type { FaultRow } from '../rig/row.js'

const row: FaultRow = {
  number: 'F8',
  fault: 'Redis is in a black hole for 10 s: connections open, no answer',
  ci: false,
  run: (rig) =>
    freeze(rig, {
      forMs: 10_000,
      begin: ({ proxies }) => {
        for (const proxy of proxies) proxy.behave(blackHole)
      },
      end: ({ proxies }) => {
        for (const proxy of proxies) proxy.pass()
      }
    })
}

export default row
