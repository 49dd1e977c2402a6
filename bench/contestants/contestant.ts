import type { Scope } from '../../test/support/scope.js'
import type { WireName } from '../load/wires.js'
import type { Child } from '../processes/child.js'
import type { Cores } from '../processes/cores.js'

export interface StartOptions {
  readonly cores: Cores
  /** Where several nodes meet; absent: one node alone. */
  readonly redisUrl?: string | undefined
  /** Settings of this server only. */
  readonly env?: Readonly<Record<string, string>>
}

/** A server under load. */
export interface Running {
  readonly child: Child
  readonly port: number
  readonly url: string
}

/** A server that takes part. */
export interface Contestant {
  readonly name: ContestantName
  /** As it stands in the table. */
  readonly title: string
  readonly wire: WireName
  /** Takes offers of permessage-deflate, and is made them. */
  readonly deflates?: boolean
  /** A Node process that tells its vitals. */
  readonly tellsVitals: boolean
  /** Why it cannot take part here; undefined where it can. */
  absence(): string | undefined
  version(): string
  start(scope: Scope, options: StartOptions): Promise<Running>
}

export const contestantNames = [
  'roomcast',
  'roomcast-deflate',
  'socketio',
  'fastify-websocket',
  'centrifugo',
  'c-write',
  'c-joined-write'
] as const
export type ContestantName = (typeof contestantNames)[number]

/** These are no peers: they take part in every workload that names them. */
export const ownNames: readonly ContestantName[] = ['roomcast', 'roomcast-deflate']
