import { type Static, Type } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import type { ChannelRegistry } from './channels/channel-registry.js'
import type { Clock } from './clock.js'
import type { Usage } from './connections/allowance.js'
import type { Limiter } from './connections/limiter.js'
import type { Nodes } from './store/nodes.js'
import { NO_RETENTION, type Streams } from './store/streams.js'

export interface UsageExchangeOptions {
  readonly streams: Streams
  readonly channels: ChannelRegistry
  readonly limiter: Limiter
  readonly clock: Clock
  /** It hears its own reports, too. */
  readonly nodes: Nodes
}

/** Heard by every node, stored by none. */
const CHANNEL = 'usage:'
const PERIOD_MS = 1000
/** Who used less than this part of a second's worth is not told of: over all nodes that comes to little. */
const TOLD_SHARE = 0.1
/** The busiest users in one report. */
const USERS_MAX = 500

const Count = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Report = Type.Object({
  from: Type.String(),
  users: Type.Array(Type.Tuple([Type.String(), Count, Count, Count]), { maxItems: USERS_MAX })
})
type Report = Static<typeof Report>
const check = TypeCompiler.Compile(Report)

/**
 * How much users do on the other nodes. Each node lets in by what it knows itself, and tells the others once a second
 * who did much: they take it from what the user may do there. So a limit holds over the cluster but for what was done
 * in the last second, and no message waits for another node. A report that is lost is not repeated.
 */
export class UsageExchange {
  readonly #options: UsageExchangeOptions
  #stop: () => void = () => {}

  constructor(options: UsageExchangeOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { channels, clock } = this.#options
    await channels.listen(CHANNEL, {
      tag: { room: CHANNEL },
      retention: NO_RETENTION,
      onSignal: (_channel, { encoded }) => this.#onReport(decodeReport(encoded))
    })
    this.#stop = clock.every(PERIOD_MS, () => this.#tell())
  }

  close(): void {
    this.#stop()
  }

  #tell(): void {
    const { limiter, nodes, streams } = this.#options
    const users = (limiter.users?.drainUsage() ?? [])
      .map(([user, usage]) => ({ user, usage, share: shareOf(usage, limiter.users?.rates) }))
      .filter(({ share }) => share >= TOLD_SHARE)
      .sort((one, other) => other.share - one.share)
      .slice(0, USERS_MAX)
      .map(({ user, usage }): Report['users'][number] => [user, usage.messages, usage.bytes, usage.deliveries])
    if (users.length === 0) return
    const report: Report = { from: nodes.nodeId, users }
    // While the store is away each node goes by itself.
    streams.signal(CHANNEL, Buffer.from(JSON.stringify(report)), {}).catch(() => {})
  }

  #onReport(report: Report | undefined): boolean {
    if (report === undefined) return false
    if (report.from === this.#options.nodes.nodeId) return true
    for (const [user, messages, bytes, deliveries] of report.users) {
      this.#options.limiter.chargeUser(user, { messages, bytes, deliveries })
    }
    return true
  }
}

/** Of a second's worth, of whatever it is most. */
function shareOf(usage: Usage, rates: Usage | undefined): number {
  const shares = (['messages', 'bytes', 'deliveries'] as const).map((resource) => {
    const rate = rates?.[resource] ?? 0
    return rate === 0 ? 0 : usage[resource] / rate
  })
  return Math.max(...shares)
}

/** Undefined for anything else: what comes from outside is not trusted. */
function decodeReport(encoded: Buffer): Report | undefined {
  try {
    const report = JSON.parse(encoded.toString()) as unknown
    return check.Check(report) ? report : undefined
  } catch {
    return undefined
  }
}
