#!/usr/bin/env -S node --max-semi-space-size=32
// A message that waits for the disk outlives a young generation of the usual 16 MB: it would be copied for nothing.
import { systemClock } from './clock.js'
import { Shutdown } from './shutdown.js'

const args = process.argv.slice(2)
if (args.length > 0) {
  const { run } = await import('./cli.js')
  const out = (text: string) => process.stdout.write(text)
  const err = (text: string) => process.stderr.write(text)
  process.exitCode = await run(args, { out, err })
} else {
  await runServer()
}

async function runServer(): Promise<void> {
  // Nothing is there yet that would have to be ended.
  const shutdown = new Shutdown(systemClock.monotonic, { begin: () => process.exit(0), hurry: () => {} })
  process.on('SIGTERM', shutdown.onSignal)
  process.on('SIGINT', shutdown.onSignal)

  // Not before: to load the rest takes a while, in which a signal would just kill.
  const { serve } = await import('./serve.js')
  await serve(shutdown)
}
