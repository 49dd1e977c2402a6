import { FormatRegistry, Type } from '@sinclair/typebox'

export const TIMESTAMP_FORMAT = 'roomcast-timestamp'
const dateTime = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

FormatRegistry.Set(TIMESTAMP_FORMAT, (text) => {
  const [, day] = dateTime.exec(text) ?? []
  return day !== undefined && !Number.isNaN(Date.parse(text)) && isDay(day)
})

/** JavaScript takes the 30th of February for the 2nd of March. */
function isDay(text: string): boolean {
  const start = new Date(`${text}T00:00:00Z`)
  return start.toISOString().startsWith(text)
}

/** A moment as somebody else may write it; ours are at `formatTime`. */
export const Timestamp = Type.String({
  format: TIMESTAMP_FORMAT,
  description: 'ISO 8601, such as 2026-01-31T12:00:00Z'
})
