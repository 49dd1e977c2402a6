import type { Contestant } from '../contestants/contestant.js'
import { runLoad } from '../processes/load.js'
import { measureIdleMemory } from './idle-memory.js'
import { watchVitals } from './watch-vitals.js'
import type { Measurement, Workload, WorkloadContext } from './workload.js'

const MEMBERS = 1000
const PER_SECOND = 20
const TIMEOUT_MS = 60_000
const KB_MORE_MAX = 2
/** Connections before those that are measured, and all of them. */
const IDLE = { warm: 2000, all: 6000 }

const both = { contestants: ['roomcast', 'roomcast-deflate'], isQuick: false } as const

/** The value is what one message has on the wire to one member. */
const wire: Workload = {
  ...both,
  name: 'compression',
  title: `bytes of a message to a member, one room × 1,000, ${PER_SECOND} messages of JSON of 2 KB a second`,
  unit: 'bytes',
  asked: '–',
  run: measureWire,
  isMet: () => undefined
}

const memory: Workload = {
  ...both,
  name: 'compression-memory',
  title: 'memory of an idle connection, joined, that negotiated permessage-deflate',
  unit: 'KB',
  asked: `≤ ${KB_MORE_MAX} KB more than without`,
  run: (context, contestant) => measureIdleMemory(context, contestant, IDLE),
  isMet: (of) => {
    const [plain, deflating] = [of('roomcast'), of('roomcast-deflate')]
    return plain === undefined || deflating === undefined ? undefined : deflating.value - plain.value <= KB_MORE_MAX
  }
}

export const compression = [wire, memory]

async function measureWire(
  { scope, cores, warmUpMs, measureMs }: WorkloadContext,
  contestant: Contestant
): Promise<Measurement> {
  const running = await contestant.start(scope, { cores })
  const vitals = watchVitals(contestant, running)
  const { bytesPerMessage, deliveriesPerSecond, ...rest } = await runLoad(scope, {
    job: {
      ...{ job: 'deflate', port: running.port, serverPid: running.child.pid, warmUpMs, measureMs },
      ...{ members: MEMBERS, perSecond: PER_SECOND, deflates: contestant.deflates === true }
    },
    core: cores.loads[0],
    timeoutMs: TIMEOUT_MS,
    onPhase: vitals.onPhase
  })
  return { ...rest, value: bytesPerMessage, more: { deliveriesPerSecond, ...(await vitals.read(measureMs)) } }
}
