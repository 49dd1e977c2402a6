import { plan } from './faults.js'
import { SeededRandom } from './seeded-random.js'
import { hasConverged, judge, presenceFault } from './verdict.js'
import { Violation } from './violation.js'
import { type Mutant, World } from './world.js'

export interface RunOptions {
  readonly mutant?: Mutant | undefined
  /** Writes every message into the trace. */
  readonly detailed?: boolean
}

export interface Outcome {
  readonly seed: number
  /** The invariant that does not hold; undefined where all do. */
  readonly violation: string | undefined
  readonly trace: readonly string[]
  /** Simulated. */
  readonly ms: number
  readonly messages: number
}

/** So much time things happen for. */
const ACTIVE_MS = 6_000
/** After that everything comes to rest in this time: two looks at the tops, and what has to be tried again. */
const REST_MS = 60_000
/** The presence is looked at this often. */
const LOOK_MS = 500

/** One simulated world from its beginning to the verdict. The same seed gives the same run. */
export async function run(seed: number, { mutant, detailed = false }: RunOptions = {}): Promise<Outcome> {
  const random = new SeededRandom(seed)
  const world = new World(random, { mutant, detailed })
  const onUnhandled = (error: unknown) => world.fail(`I9: unhandled: ${(error as Error).stack}`)
  process.on('unhandledRejection', onUnhandled)
  const restore = mutant?.install?.()
  try {
    await live(world, random)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    world.fail(error.message)
  } finally {
    restore?.()
    for (const node of world.nodes) node.kill()
    process.off('unhandledRejection', onUnhandled)
  }
  const { violations, trace, time, ledger } = world
  return { seed, violation: violations[0], trace, ms: time.now, messages: ledger.drafts.size }
}

async function live(world: World, random: SeededRandom): Promise<void> {
  const isFailed = () => world.violations.length > 0
  await world.begin()
  // In some worlds nothing happens to Redis and the nodes: there everything has to be prompt.
  if (random.chance(0.75)) plan(world, random.fork(), ACTIVE_MS)
  await world.time.run(ACTIVE_MS, isFailed)
  for (const client of world.clients) client.quieten()
  await world.time.run(500, isFailed)
  const since = world.time.now
  await world.time.run(REST_MS, () => isFailed() || hasConverged(world))
  if (isFailed()) return
  if (!hasConverged(world)) throw new Violation(`I1, I14: no rest ${REST_MS} ms later: ${stateOf(world)}`)
  judge(world)
  await restPresence(world, since + REST_MS)
}

async function restPresence(world: World, end: number): Promise<void> {
  for (;;) {
    const fault = await world.settle(presenceFault(world).catch(String))
    if (fault === undefined) return
    if (world.time.now > end) throw new Violation(`I6: ${fault}`)
    await world.time.run(LOOK_MS)
  }
}

function stateOf({ clients }: World): string {
  return clients.map(({ state }) => state).join('; ')
}
