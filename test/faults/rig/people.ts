import type { Message } from '../../support/live-client.js'
import type { Scope } from '../../support/scope.js'
import { RawClient } from '../support/raw-client.js'

/** A member of a room whose connection a row holds in its own hands. */
export interface Person {
  readonly userId: string
  readonly client: RawClient
  /** Everything that was no answer, oldest first. */
  readonly pushes: readonly Message[]
  /** Resolves with the code when the connection is closed. */
  readonly closed: Promise<number>
}

export interface Place {
  readonly scope: Scope
  /** Of the node, or of what stands before it. */
  readonly url: string
  readonly userId: string
}

/** Connects, and no more. */
export async function meet({ scope, url, userId }: Place): Promise<Person> {
  const pushes: Message[] = []
  const place = `${url.replace('http', 'ws')}/ws?user_id=${userId}`
  const client = await RawClient.connect(scope, place, (message) => pushes.push(message))
  const closed = new Promise<number>((resolve) => client.socket.once('close', resolve))
  return { userId, client, pushes, closed }
}

/** Connects and joins a room. */
export async function seat(place: Place, room: string): Promise<Person> {
  const person = await meet(place)
  const answer = await person.client.ask({ type: 'join_room', room })
  if (answer?.type !== 'ack') throw new Error(`${place.userId} did not get in: ${JSON.stringify(answer)}`)
  return person
}

/** The session of one person goes on with a new connection; undefined where that was not answered. */
export async function takeOver(place: Place, former: Person): Promise<{ person: Person; answer: Message | undefined }> {
  const person = await meet(place)
  const { session_id, resume_token } = former.pushes[0] ?? {}
  return { person, answer: await person.client.ask({ type: 'resume', session_id, resume_token }) }
}

/** Who a person heard coming and going, in order: `+USER` and `-USER`. */
export function movesHeardBy({ pushes }: Person, isOf: (userId: string) => boolean): string[] {
  return pushes
    .filter(({ action, user_id }) => (action === 'user_joined' || action === 'user_left') && isOf(user_id))
    .map(({ action, user_id }) => `${action === 'user_joined' ? '+' : '-'}${user_id}`)
}
