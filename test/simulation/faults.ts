import type { SimulatedNode } from './node.js'
import type { SeededRandom } from './seeded-random.js'
import type { World } from './world.js'

interface Fault {
  /** Begins it; whatever it changes for a while it takes back by itself. */
  readonly strike: (world: World, random: SeededRandom) => void
  /** How often it comes, in comparison with the others. */
  readonly weight: number
}

const cutLinks: Fault = {
  weight: 3,
  strike: (world, random) => {
    const node = pickNode(world, random)
    const names = ['commands', 'subscriber', 'lease'].filter(() => random.chance(0.5))
    world.tell(() => `FAULT ${node.name} is cut off from Redis: ${names}`)
    node.network.cutAll(names)
  }
}

const loseReplies: Fault = {
  weight: 3,
  strike: (world, random) => {
    const node = pickNode(world, random)
    const count = random.integer(1, 3)
    world.tell(() => `FAULT ${node.name} gets no reply to the next ${count} commands, which are executed`)
    node.network.loseReplies(count)
  }
}

const losePushes: Fault = {
  weight: 4,
  strike: (world, random) => {
    const node = pickNode(world, random)
    const share = random.chance(0.3) ? 1 : random.between(0.1, 0.6)
    world.tell(() => `FAULT ${node.name} misses ${share.toFixed(2)} of what Redis publishes`)
    node.network.losePushes(share)
    end(world, random.between(300, 6000), () => node.network.losePushes(0))
  }
}

const partition: Fault = {
  weight: 3,
  strike: (world, random) => {
    const node = pickNode(world, random)
    const ms = random.between(200, 12_000)
    world.tell(() => `FAULT ${node.name} does not see Redis for ${ms.toFixed(0)} ms`)
    node.network.partition()
    end(world, ms, () => node.network.heal())
  }
}

const freeze: Fault = {
  weight: 2,
  strike: (world, random) => {
    const ms = random.between(100, 7000)
    world.tell(() => `FAULT Redis stands still for ${ms.toFixed(0)} ms`)
    world.redis.freeze()
    end(world, ms, () => world.redis.thaw())
  }
}

/** It comes back with everything: another run, and nothing is lost. */
const restart: Fault = {
  weight: 1,
  strike: (world, random) => {
    if (!world.redis.up) return
    world.tell(() => 'FAULT Redis restarts')
    world.redis.kill()
    end(world, random.between(20, 3000), () => world.redis.start('everything'))
  }
}

const rollBack: Fault = {
  weight: 2,
  strike: (world, random) => {
    if (!world.redis.up) return
    const from = world.time.now
    world.redis.save()
    end(world, random.between(100, 4000), () => {
      if (!world.redis.up) return
      world.tell(() => `FAULT Redis restarts with what it had at ${from.toFixed(1)}`)
      world.ledger.losses.push({ from, to: world.time.now })
      world.redis.kill()
      end(world, random.between(20, 2000), () => world.redis.start('snapshot'))
    })
  }
}

const flush: Fault = {
  weight: 1,
  strike: (world) => {
    world.tell(() => 'FAULT FLUSHALL')
    world.ledger.losses.push({ from: 0, to: world.time.now })
    world.redis.flushAll()
  }
}

const flushScripts: Fault = {
  weight: 1,
  strike: (world) => {
    world.tell(() => 'FAULT SCRIPT FLUSH')
    world.redis.flushScripts()
  }
}

const crash: Fault = {
  weight: 3,
  strike: (world, random) => {
    if (world.nodes.length === 1) return
    const node = pickNode(world, random)
    world.tell(() => `FAULT ${node.name} is killed`)
    node.kill()
    world.lost(node)
    end(world, random.between(300, 4000), () => void world.addNode())
  }
}

const pause: Fault = {
  weight: 1,
  strike: (world, random) => {
    const node = pickNode(world, random)
    if (!node.isUp) return
    const ms = random.between(500, 14_000)
    world.tell(() => `FAULT ${node.name} stands still for ${ms.toFixed(0)} ms`)
    world.pause(node, ms)
  }
}

const jumpClock: Fault = {
  weight: 1,
  strike: (world, random) => {
    const node = pickNode(world, random)
    const ms = random.pick([-3_600_000, 3_600_000])
    world.tell(() => `FAULT the clock of ${node.name} jumps by ${ms} ms`)
    node.clock.jump(ms)
    end(world, random.between(1000, 8000), () => node.clock.jump(-ms))
  }
}

export const faults = {
  cutLinks,
  loseReplies,
  losePushes,
  partition,
  freeze,
  restart,
  rollBack,
  flush,
  flushScripts,
  crash,
  pause,
  jumpClock
} as const

/** Lets faults strike at their times, within `ms`. Longer ones end by themselves. */
export function plan(world: World, random: SeededRandom, ms: number): void {
  const pool = Object.values(faults).flatMap((fault) => Array.from({ length: fault.weight }, () => fault))
  for (let count = random.integer(1, 6); count > 0; count--) {
    const fault = random.pick(pool)
    world.time.after(random.between(1000, ms), () => {
      world.faulted()
      fault.strike(world, random)
    })
  }
}

function pickNode({ nodes }: World, random: SeededRandom): SimulatedNode {
  return random.pick(nodes)
}

function end(world: World, delayMs: number, task: () => void): void {
  world.time.after(delayMs, () => {
    world.faulted()
    task()
  })
}
