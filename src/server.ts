#!/usr/bin/env node
import { systemClock } from './clock.js'
import { Shutdown } from './shutdown.js'

// Nothing is there yet that would have to be ended.
const shutdown = new Shutdown(systemClock.monotonic, { begin: () => process.exit(0), hurry: () => {} })
process.on('SIGTERM', shutdown.onSignal)
process.on('SIGINT', shutdown.onSignal)

// Not before: to load the rest takes a while, in which a signal would just kill.
const { serve } = await import('./serve.js')
await serve(shutdown)
