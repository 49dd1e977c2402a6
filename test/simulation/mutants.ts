import type { FastifyInstance } from 'fastify'
import { Channel } from '../../src/channels/channel.js'
import type { OwnedSession } from '../../src/store/sessions.js'
import type { Mutant } from './world.js'

/**
 * Servers that are broken on purpose, each in one of the ways in which servers of this kind are. A simulation that does
 * not find them is too tame.
 */
export const mutants: readonly Mutant[] = [
  { name: 'drops the repair', install: dropRepair },
  { name: 'drops the idempotency key', scripts: { forgetsReceipts: true, neverForks: false } },
  { name: 'reads before it subscribes', tamper: readBeforeSubscribe, firstSeed: 150 },
  { name: 'never forks the epoch', scripts: { forgetsReceipts: false, neverForks: true } },
  { name: 'saves a session at its close only', tamper: saveAtCloseOnly }
]

/** What did not come is never asked for. */
function dropRepair(): () => void {
  const { repair } = Channel.prototype
  Channel.prototype.repair = () => Promise.resolve()
  return () => {
    Channel.prototype.repair = repair
  }
}

/** What is published between the look at the top and the subscription is noticed by nobody. */
function readBeforeSubscribe({ store: { streams } }: FastifyInstance): void {
  const subscribe = streams.subscribe.bind(streams)
  streams.subscribe = async (channels) => {
    const tops = await streams.tops(channels)
    await subscribe(channels)
    return tops
  }
}

/** A node that dies takes its sessions with it. */
function saveAtCloseOnly({ store: { sessions } }: FastifyInstance): void {
  const [save, release] = [sessions.save.bind(sessions), sessions.release.bind(sessions)]
  const unsaved = new Map<string, OwnedSession>()
  sessions.save = async (session) => {
    unsaved.set(session.sessionId, session)
    return true
  }
  sessions.release = async (sessionId, generation) => {
    const session = unsaved.get(sessionId)
    unsaved.delete(sessionId)
    if (session !== undefined) await save(session)
    await release(sessionId, generation)
  }
}
