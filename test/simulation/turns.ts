/*
 * Turns of the event loop are dear, and the real loop has things of its own to do in them. What asks for a turn while an
 * event is played (`setImmediate`) gets it from here: in the same order, and with all promises settled in between.
 */

interface Wanted {
  readonly task: () => void
  isCancelled: boolean
}

const real = { setImmediate: globalThis.setImmediate, clearImmediate: globalThis.clearImmediate }
let isPlaying = false
let wanted: Wanted[] = []

globalThis.setImmediate = Object.assign((task: (...args: unknown[]) => void, ...args: unknown[]) => {
  if (!isPlaying) return real.setImmediate(task, ...args)
  const turn = { task: () => task(...args), isCancelled: false }
  wanted.push(turn)
  return turn as unknown as NodeJS.Immediate
}, real.setImmediate) as typeof setImmediate

globalThis.clearImmediate = (immediate) => {
  if (immediate !== undefined && 'isCancelled' in immediate) immediate.isCancelled = true
  else real.clearImmediate(immediate)
}

/** Runs a task, and everything that it sets off; resolves when nothing of that is left. */
export async function play(task: () => void | Promise<void>): Promise<void> {
  isPlaying = true
  try {
    await task()
    await settled()
    while (wanted.length > 0) await takeTurn()
  } finally {
    isPlaying = false
  }
}

/** One turn of the real event loop, for what asked for it otherwise (`node:timers/promises`). */
export async function realTurn(): Promise<void> {
  await play(() => new Promise<void>((resolve) => real.setImmediate(resolve)))
}

async function takeTurn(): Promise<void> {
  const turns = wanted
  wanted = []
  for (const { task, isCancelled } of turns) {
    if (isCancelled) continue
    task()
    await settled()
  }
}

/** Whatever waits for promises that are settled comes before this. */
async function settled(): Promise<void> {
  await new Promise<void>((resolve) => process.nextTick(resolve))
}
