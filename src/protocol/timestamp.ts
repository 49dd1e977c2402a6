import { FormatRegistry, Type } from '@sinclair/typebox'

export const TIMESTAMP_FORMAT = 'roomcast-timestamp'
const dateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

FormatRegistry.Set(TIMESTAMP_FORMAT, (text) => dateTime.test(text) && !Number.isNaN(Date.parse(text)))

/** A moment as somebody else may write it; ours are at `formatTime`. */
export const Timestamp = Type.String({
  format: TIMESTAMP_FORMAT,
  description: 'ISO 8601, such as 2026-01-31T12:00:00Z'
})
