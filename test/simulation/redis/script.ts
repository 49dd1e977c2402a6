import type { Database } from './database.js'

/** What a script answers: as Lua's values come out of Redis, nil as null. */
export type Reply = string | number | Buffer | null | Reply[]

export interface Call {
  readonly db: Database
  readonly keys: readonly string[]
  readonly argv: readonly (string | Buffer)[]
  readonly publish: (topic: string, payload: Buffer) => void
}

/** One of the server's Lua scripts in TypeScript: the same steps on the same keys. */
export type NativeScript = (call: Call) => Reply

/** A key or an argument as text; empty where there is none. */
export function textAt(values: readonly (string | Buffer)[], index: number): string {
  return String(values[index] ?? '')
}

export function numberAt(values: readonly (string | Buffer)[], index: number): number {
  return Number(values[index])
}
