import fastifyMetrics from 'fastify-metrics'
import fp from 'fastify-plugin'
import { Counter, Gauge, Registry } from 'prom-client'
import type { Limiter } from '../src/connections/limiter.js'
import type { Counters } from '../src/stats/counters.js'

declare module 'fastify' {
  interface FastifyInstance {
    metricsRegistry: Registry
  }
}

/** Prometheus metrics of this server. No label takes a value that a client could choose. */
export default fp(
  async (fastify) => {
    // prom-client's global registry makes two servers in one process collide.
    const register = new Registry()
    const registers = [register]
    await fastify.register(fastifyMetrics.default, {
      endpoint: null,
      defaultMetrics: { enabled: true, register, prefix: 'roomcast_' },
      routeMetrics: {
        enabled: { histogram: true, summary: false },
        registeredRoutesOnly: true,
        overrides: {
          histogram: { registers, name: 'roomcast_http_request_duration_seconds' },
          // Made even where it is switched off.
          summary: { registers, name: 'roomcast_http_request_summary_seconds' }
        }
      }
    })
    const { buffers, counters, ingest, limiter, messageQueue, pool, recovery, revocations, rooms, messageBus } = fastify
    const gauges: Array<[name: string, help: string, read: () => number]> = [
      ['roomcast_connections', 'Live connections of this node', () => pool.size],
      ['roomcast_users', 'Users with a connection to this node', () => pool.userCount],
      ['roomcast_rooms', 'Rooms with members on this node', () => rooms.localSize],
      [
        'roomcast_lagging_connections',
        'Connections that read from the log, as they take too little',
        () => pool.laggingCount
      ],
      ['roomcast_buffered_bytes', 'Bytes that wait for connections, as of the last look', () => buffers.bytes],
      ['roomcast_channels', 'Channels that this node hears', () => messageBus.size],
      ['roomcast_revocations', 'Revocations of tokens that are in force', () => revocations.size],
      [
        'roomcast_store_available',
        '1 while this node can keep its promises',
        () => (recovery.readiness().ready ? 1 : 0)
      ],
      ['roomcast_ingest_active', '1 on the node that reads the ingest stream', () => (ingest?.active ? 1 : 0)],
      ['roomcast_ingest_lag', 'Entries of the ingest stream that wait; 0 on the other nodes', () => ingest?.lag ?? 0]
    ]
    for (const [name, help, read] of gauges) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read())
        }
      })
    }
    const totals: Array<[name: string, help: string, read: () => number]> = [
      ['roomcast_messages_total', 'Messages stored through this node', () => counters.messages],
      ['roomcast_deliveries_total', 'Messages handed to connections of this node', () => counters.deliveries],
      ['roomcast_connections_total', 'Connections that were taken in', () => counters.connections],
      [
        'roomcast_revoked_connections_total',
        'Connections that were closed because their token was revoked',
        () => counters.revokedConnections
      ],
      ['roomcast_dropped_signals_total', 'Signals that lagging connections did not get', () => counters.droppedSignals],
      ['roomcast_history_reads_total', 'Times that the log of a channel was read', () => counters.historyReads],
      [
        'roomcast_repairs_total',
        'Times that what did not come by itself was read from the log',
        () => counters.repairs
      ],
      [
        'roomcast_deaf_subscriptions_total',
        'Subscriptions that heard nothing though their connection answered',
        () => counters.deafSubscriptions
      ],
      ['roomcast_store_outages_total', 'Times that the store went away', () => counters.storeOutages],
      ['roomcast_recoveries_total', 'Times that this node was whole again', () => counters.recoveries],
      [
        'roomcast_recovery_seconds_total',
        'How long that took in all, from the first answer of the store',
        () => counters.recoveryMs / 1000
      ],
      [
        'roomcast_malformed_records_total',
        'Times that the store had or sent something that no node has written',
        () => counters.malformedRecords
      ],
      ['roomcast_failures_total', 'Tasks in the background that failed', () => counters.failures],
      ['roomcast_ingest_handled_total', 'Entries of the ingest stream that were handled', () => ingest?.handled ?? 0],
      ['roomcast_ingest_dead_total', 'Entries of the ingest stream that became dead letters', () => ingest?.dead ?? 0],
      ['roomcast_queue_dropped_total', 'Pub/sub messages that nobody could handle', () => messageQueue.dropped]
    ]
    for (const [name, help, read] of totals) {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset()
          this.inc(read())
        }
      })
    }
    for (const { name, help, label, read } of byReason(counters, limiter)) {
      new Counter({
        name,
        help,
        registers,
        labelNames: [label],
        collect() {
          this.reset()
          for (const [reason, total] of Object.entries(read())) this.inc({ [label]: reason }, total)
        }
      })
    }
    fastify.decorate('metricsRegistry', register)
  },
  {
    name: 'metrics',
    dependencies: ['rooms', 'message-bus', 'message-queue', 'recovery', 'revocations', 'connections', 'counters']
  }
)

function byReason({ losses, refusedHandshakes, refusedPublishes }: Counters, { refusals }: Limiter) {
  return [
    {
      name: 'roomcast_losses_total',
      help: 'Losses that receivers were told of',
      label: 'told',
      read: () => losses
    },
    {
      name: 'roomcast_refused_publishes_total',
      help: 'Publishes that the store did not take: not asked, or with an unknown outcome',
      label: 'outcome',
      read: () => ({ not_asked: refusedPublishes.notAsked, unknown: refusedPublishes.unknown })
    },
    {
      name: 'roomcast_refused_handshakes_total',
      help: 'Handshakes that were refused, by reason',
      label: 'reason',
      read: () => refusedHandshakes
    },
    {
      name: 'roomcast_refused_messages_total',
      help: "Messages of clients that were answered by an error, by the error's code",
      label: 'reason',
      read: () => refusals.commands
    },
    {
      name: 'roomcast_rate_limited_total',
      help: 'What was over a rate, by whose and of what: messages, pings, publishes, handshakes',
      label: 'reason',
      read: () => refusals.limits
    },
    {
      name: 'roomcast_refused_requests_total',
      help: "Calls over HTTP that were answered by an error, by the error's code",
      label: 'reason',
      read: () => refusals.requests
    },
    {
      name: 'roomcast_closed_connections_total',
      help: 'Connections that this node closed, by the reason',
      label: 'reason',
      read: () => refusals.closes
    }
  ]
}
