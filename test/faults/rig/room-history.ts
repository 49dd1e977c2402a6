import { request } from '../../support/server.js'

export interface Stored {
  readonly epoch: string
  readonly offset: number
  readonly message_id: string
}

/** What a room has at the end: the truth that everybody has to have heard. */
export interface RoomHistory {
  readonly top: number
  /** By offset. */
  readonly stored: ReadonlyMap<number, Stored>
  /** The first that is kept; top + 1 where none is. */
  readonly oldest: number
}

/** Reads everything a room has, page by page. */
export async function readRoom(url: string, room: string): Promise<RoomHistory> {
  const stored = new Map<number, Stored>()
  let top = 0
  for (let more = true, after = 0; more; ) {
    const { status, body } = await request(`${url}/rooms/${room}/history?limit=1000&after=${after}`)
    if (status !== 200) throw new Error(`the history of ${room} was answered ${status}: ${JSON.stringify(body)}`)
    for (const { epoch, offset, message_id } of body.messages) stored.set(offset, { epoch, offset, message_id })
    top = body.offset
    after = body.messages.at(-1)?.offset ?? top
    more = body.has_more
  }
  return { top, stored, oldest: Math.min(top + 1, ...stored.keys()) }
}

/** The newest offset of a room. */
export async function readTop(url: string, room: string): Promise<number> {
  const { status, body } = await request(`${url}/rooms/${room}`)
  if (status !== 200) throw new Error(`${room} was answered ${status}: ${JSON.stringify(body)}`)
  return body.offset
}
