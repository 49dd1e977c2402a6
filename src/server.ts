#!/usr/bin/env -S node --max-semi-space-size=32
// A message that waits for the disk outlives a young generation of the usual 16 MB: it would be copied for nothing.
import { systemClock } from './clock.js'
import { Shutdown } from './shutdown.js'

// Nothing is there yet that would have to be ended.
const shutdown = new Shutdown(systemClock.monotonic, { begin: () => process.exit(0), hurry: () => {} })
process.on('SIGTERM', shutdown.onSignal)
process.on('SIGINT', shutdown.onSignal)

// Not before: to load the rest takes a while, in which a signal would just kill.
const { serve } = await import('./serve.js')
await serve(shutdown)
