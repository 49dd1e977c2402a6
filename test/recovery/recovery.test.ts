import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { Recovery } from '../../src/recovery/recovery.js'
import type { LeaseLoss } from '../../src/store/nodes.js'
import type { StoreListener } from '../../src/store/store.js'
import { ManualClock } from '../support/manual-clock.js'

/** Steps that are recorded, and wait or fail as a test says. */
function setUp() {
  const clock = new ManualClock()
  const steps: string[] = []
  const gates = new Map<string, Promise<void>>()
  const failing = new Set<string>()
  const told: string[] = []
  const errors: unknown[] = []
  let listener: StoreListener | undefined
  let loseAtRenewal: LeaseLoss | undefined
  const step = async (name: string) => {
    steps.push(name)
    await gates.get(name)
    if (failing.has(name)) throw new Error(name)
  }
  const recovery = new Recovery({
    store: {
      start: (one) => {
        listener = one
      },
      readiness: () => ({ ready: true }),
      nodes: {
        renew: async () => {
          await step('lease')
          if (loseAtRenewal === undefined) return
          const loss = loseAtRenewal
          loseAtRenewal = undefined
          recovery.onLeaseLost(loss)
        }
      }
    },
    holdings: [({ departed }) => step(`presence ${departed}`), () => step('devices')],
    hearing: { resubscribe: () => step('topics'), catchUp: () => step('messages') },
    clock,
    onDown: (reason) => told.push(reason),
    onWhole: () => told.push('whole'),
    onError: (error) => errors.push(error)
  })
  const hold = (name: string) => {
    let open = () => {}
    gates.set(name, new Promise((resolve) => (open = resolve)))
    return () => {
      gates.delete(name)
      open()
    }
  }
  return {
    clock,
    recovery,
    steps,
    told,
    errors,
    failing,
    hold,
    up: () => listener?.onUp(),
    down: (reason = 'away') => listener?.onDown(reason),
    loseAtRenewal: (loss: LeaseLoss) => {
      loseAtRenewal = loss
    },
    async start() {
      void recovery.start()
      listener?.onUp()
      await turns()
    }
  }
}

async function turns(count = 20): Promise<void> {
  for (let n = 0; n < count; n++) await nextTurn()
}

t.test('a node enters step by step, and is ready only then', async (t) => {
  const { recovery, steps, told, hold, up } = setUp()
  const open = hold('topics')
  const started = recovery.start()
  t.match(recovery.readiness(), { ready: false })
  t.equal(recovery.entered, false)
  up()
  await turns()
  t.strictSame(steps, ['lease', 'topics'], 'the store has lost nothing: nothing is written again')
  t.match(recovery.readiness(), { ready: false, reason: 'recovering from an outage of the store' })
  open()
  await turns()
  await started
  t.strictSame(steps, ['lease', 'topics', 'messages'])
  t.strictSame(recovery.readiness(), { ready: true })
  t.ok(recovery.entered)
  t.strictSame(told, ['whole'])
})

t.test('what the store has lost is written again before anything is heard', async (t) => {
  const { recovery, steps, start, down, up, loseAtRenewal } = setUp()
  await start()
  steps.length = 0
  down()
  t.match(recovery.readiness(), { ready: false, reason: 'away' })
  loseAtRenewal({ departed: false })
  up()
  await turns()
  t.strictSame(steps, ['lease', 'presence false', 'devices', 'topics', 'messages'])
  down()
  up()
  await turns()
  t.strictSame(steps.slice(5), ['lease', 'topics', 'messages'], 'once')
})

t.test('a store that goes away in the middle is entered from the beginning', async (t) => {
  const { recovery, steps, told, hold, start, down, up, loseAtRenewal } = setUp()
  await start()
  steps.length = 0
  loseAtRenewal({ departed: true })
  const open = hold('devices')
  down()
  up()
  await turns()
  down('away again')
  open()
  await turns()
  t.strictSame(steps, ['lease', 'presence true', 'devices'], 'the first goes no further')
  t.match(recovery.state, { kind: 'away', reason: 'away again' })
  up()
  await turns()
  t.strictSame(steps.slice(3), ['lease', 'topics', 'messages'], 'what was written is written')
  t.strictSame(told, ['whole', 'away', 'away again', 'whole'])
})

t.test('a step that fails is tried again with all before it, a second later', async (t) => {
  const { recovery, clock, steps, errors, failing, start, down, up } = setUp()
  await start()
  steps.length = 0
  failing.add('topics')
  down()
  up()
  await turns()
  t.match(recovery.readiness(), { ready: false })
  t.equal(errors.length, 1)
  failing.clear()
  clock.advance(1000)
  await turns()
  t.strictSame(steps, ['lease', 'topics', 'lease', 'topics', 'messages'])
  t.strictSame(recovery.readiness(), { ready: true })
})

t.test('a lease that is lost while the store is there is a recovery, too', async (t) => {
  const { recovery, steps, start } = setUp()
  await start()
  steps.length = 0
  recovery.onLeaseLost({ departed: true })
  t.match(recovery.readiness(), { ready: false })
  await turns()
  t.strictSame(steps, ['lease', 'presence true', 'devices', 'topics', 'messages'])
})

t.test('one that is lost while what was lost before is being written is made good as well', async (t) => {
  const { recovery, steps, start, hold } = setUp()
  await start()
  steps.length = 0
  const open = hold('devices')
  recovery.onLeaseLost({ departed: false })
  await turns()
  recovery.onLeaseLost({ departed: true })
  open()
  await turns()
  // What was forgotten once has not departed, whatever came later.
  t.strictSame(steps.slice(-5), ['lease', 'presence false', 'devices', 'topics', 'messages'])
})

t.test('whoever is about to tell a reset waits until the holdings are there, and looks for them first', async (t) => {
  const { recovery, steps, hold, start, loseAtRenewal } = setUp()
  await start()
  steps.length = 0
  let kept = false
  await Promise.all([recovery.holdingsKept(), recovery.holdingsKept()])
  t.strictSame(steps, ['lease'], 'one look for all of a moment')
  loseAtRenewal({ departed: false })
  const openDevices = hold('devices')
  const openMessages = hold('messages')
  void recovery.holdingsKept().then(() => {
    kept = true
  })
  await turns()
  t.notOk(kept)
  openDevices()
  await turns()
  t.ok(kept, 'not until everything is over: the resets are part of it')
  t.match(recovery.state, { kind: 'entering', step: 'messages' })
  openMessages()
})

t.test('while the store is away nobody is told a reset', async (t) => {
  const { recovery, start, down, up } = setUp()
  await start()
  down()
  let kept = false
  void recovery.holdingsKept().then(() => {
    kept = true
  })
  await turns()
  t.notOk(kept)
  up()
  await turns()
  t.ok(kept)
})

t.test('nor before the lease was looked at: only that tells what the store has lost', async (t) => {
  const { recovery, hold, start, down, up, loseAtRenewal } = setUp()
  await start()
  down()
  const [openLease, openDevices] = [hold('lease'), hold('devices')]
  loseAtRenewal({ departed: false })
  up()
  let kept = false
  void recovery.holdingsKept().then(() => {
    kept = true
  })
  await turns()
  t.notOk(kept)
  openLease()
  await turns()
  t.notOk(kept)
  openDevices()
  await turns()
  t.ok(kept)
})

t.test('an attempt that ends after a later one holds nobody up', async (t) => {
  const { recovery, hold, start } = setUp()
  await start()
  const openFirst = hold('devices')
  recovery.onLeaseLost({ departed: false })
  await turns()
  const openSecond = hold('devices')
  recovery.onLeaseLost({ departed: false })
  await turns()
  openSecond()
  await turns()
  t.match(recovery.state, { kind: 'whole' })
  openFirst()
  let kept = false
  void recovery.holdingsKept().then(() => {
    kept = true
  })
  await turns()
  t.ok(kept)
})
