import type { Scope } from '../support/scope.js'

/** What would have ended a server process since: collected until the test is over. */
export function processFaults(t: Scope): readonly unknown[] {
  const faults: unknown[] = []
  const collect = (fault: unknown) => {
    faults.push(fault)
  }
  for (const event of ['uncaughtExceptionMonitor', 'unhandledRejection'] as const) {
    process.on(event, collect)
    t.teardown(() => process.off(event, collect))
  }
  return faults
}
