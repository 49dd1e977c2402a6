import { createRequire } from 'node:module'
import type { Redis } from 'ioredis'

/** What hands answers on in ioredis (built/DataHandler.js of 6.0); its types leave it out. */
interface AnswerHandler {
  readonly redis: Redis
  dispatch(hand: () => void): void
  /** As after bytes that are no answer: the connection is opened anew, and what waits for an answer fails. */
  returnFatalError(error: Error): void
}

const guarded = new WeakSet<Redis>()

/**
 * Lets an answer that nobody asked for, or of a form that no command has, cost the connection: ioredis throws it where
 * nobody can catch it, and the process would end. Clients of others in the process are left as they are.
 */
export function guardAnswers(redis: Redis): void {
  guarded.add(redis)
}

const { prototype: handler } = createRequire(import.meta.url)('ioredis/built/DataHandler').default as {
  prototype: AnswerHandler
}
const { dispatch } = handler

handler.dispatch = function dispatchGuarded(this: AnswerHandler, hand: () => void): void {
  if (!guarded.has(this.redis)) {
    dispatch.call(this, hand)
    return
  }
  try {
    hand()
  } catch (error) {
    this.returnFatalError(error as Error)
  }
}
