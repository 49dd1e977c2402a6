import { setImmediate as nextTurn } from 'node:timers/promises'
import { Channel, type ChannelSurroundings, type ChannelTopic } from '../../src/channels/channel.js'
import { Turn } from '../../src/connections/turn.js'
import { ManualClock } from '../support/manual-clock.js'
import { FakeLog } from './fake-log.js'

type Parts = Partial<Omit<ChannelSurroundings, 'read'>> & Partial<ChannelTopic> & Partial<Pick<FakeLog, 'read'>>

/** The channel of a room `r`, which keeps everything, on a node without a store; `parts` in the place of what it has. */
export function fakeChannel({ read = new FakeLog().read, retention, batchDelayMs, ...parts }: Parts = {}): Channel {
  const topic = {
    tag: { room: 'r' },
    retention: retention ?? { size: 100_000, ttlMs: Number.POSITIVE_INFINITY },
    batchDelayMs
  }
  return new Channel('room:r', topic, {
    turn: new Turn(),
    clock: new ManualClock(),
    read: (_id, query) => read(query),
    pause: nextTurn,
    onDelivered: () => {},
    onSignalsDropped: () => {},
    onRepair: () => {},
    onLoss: () => {},
    beforeReset: async () => {},
    ...parts
  })
}
