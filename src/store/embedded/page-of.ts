import type { PageQuery } from '../presence.js'

/** A page of sorted names; the cursor is the last name of the page before. */
export function pageOf(
  sorted: readonly string[],
  { limit, cursor }: PageQuery
): { page: string[]; nextCursor: string | undefined } {
  const rest = cursor === undefined ? sorted : sorted.filter((name) => name > cursor)
  const page = rest.slice(0, limit)
  return { page, nextCursor: rest.length > limit ? page.at(-1) : undefined }
}
