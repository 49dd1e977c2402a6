import { type Static, Type } from '@sinclair/typebox'

const Text = Type.String()
const Count = Type.Integer({ minimum: 0 })
const Measure = Type.Number({ minimum: 0 })

/** As `GET /stats` answers. Counts are of the moment, rates and percentages of the last full sample. */
export const Sample = Type.Object({
  node_id: Text,
  uptime_seconds: Measure,
  connection_count: Count,
  user_count: Count,
  room_count: Count,
  messages_per_second: Measure,
  deliveries_per_second: Measure,
  memory_usage: Measure,
  cpu_usage: Measure,
  process_rss_bytes: Count,
  process_cpu_percent: Measure,
  event_loop_delay_ms: Measure,
  timestamp: Text
})
export type Sample = Static<typeof Sample>
