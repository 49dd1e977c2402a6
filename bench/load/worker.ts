// A process that loads a server: told its job by its parent, over the channel between them, which also ends it.
import { once } from 'node:events'
import { loadAcks } from './acks-load.js'
import { loadCrowd } from './crowd-load.js'
import { loadDeflate } from './deflate-load.js'
import { loadIdle } from './idle-load.js'
import type { Job, LoadMessage } from './jobs.js'
import { loadRooms } from './rooms-load.js'
import { loadStorm } from './storm-load.js'
import { loadWatch } from './watch-load.js'

process.on('disconnect', () => process.exit(0))

process.once('message', async (job: Job) => {
  try {
    tell({ report: await run(job) })
  } catch (error) {
    tell({ failure: (error as Error).stack ?? String(error) })
  }
})

function run(job: Job): Promise<unknown> {
  if (job.job === 'rooms') return loadRooms(job, onPhase)
  if (job.job === 'acks') return loadAcks(job, onPhase)
  if (job.job === 'watch') return loadWatch(job, onPhase, go)
  if (job.job === 'deflate') return loadDeflate(job, onPhase)
  if (job.job === 'crowd') return loadCrowd(job, onPhase, go)
  return job.job === 'idle' ? loadIdle(job, onPhase, go) : loadStorm(job, onPhase, go)
}

function onPhase(phase: string): void {
  tell({ phase })
}

/** Resolves when the parent says so. */
async function go(): Promise<void> {
  await once(process, 'message')
}

function tell(message: LoadMessage): void {
  process.send?.(message)
}
