import { once } from 'node:events'
import t, { type Test } from 'tap'
import { frame, openRaw, type RawSocket } from '../live/raw-socket.js'
import { builtServer, type ServerProcess, startServerProcess, temporaryFolder } from '../support/server-process.js'
import { until } from '../support/until.js'

/**
 * Bytes of the JavaScript heap that a lone message on disk takes. Measured on Node 20: 32,000 to 36,000 for the publish
 * with its answer, and 614 to 644 for each member that hears it. The bounds are about twice of that.
 */
const BOUNDS = { publish: 70_000, delivery: 1300 }
const MEMBERS = 100
const WARM_UP = 500
const MESSAGES = 200

/** The young generation is so large that none of this is collected: what is used grows by all that is allocated. */
const NEVER_COLLECT = ['--min-semi-space-size=256', '--max-semi-space-size=256']

async function startUncollected(t: Test): Promise<ServerProcess> {
  const program = builtServer()
  const settings = { DATA_DIR: await temporaryFolder(t), RATE_LIMIT_PER_SECOND: '100000', RATE_LIMIT_BURST: '100000' }
  return await startServerProcess(t, settings, [...program.slice(0, -1), ...NEVER_COLLECT, ...program.slice(-1)])
}

interface Heap {
  readonly usedBytes: number
  readonly collections: number
}

async function heapOf({ url }: ServerProcess): Promise<Heap> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const sum = (name: RegExp) => [...text.matchAll(name)].reduce((total, [, value]) => total + Number(value), 0)
  return {
    usedBytes: sum(/^roomcast_nodejs_heap_size_used_bytes (\S+)/gm),
    collections: sum(/^roomcast_nodejs_gc_duration_seconds_count\S* (\S+)/gm)
  }
}

async function join(t: Test, { url }: ServerProcess, room: string): Promise<RawSocket> {
  const member = await openRaw(t, url)
  member.send({ type: 'join_room', room, id: 'join' })
  await until(() => member.messages.some(({ type }) => type === 'ack'))
  return member
}

/** Publishes so many messages one after the other, each when the one before is answered. */
async function publish(publisher: RawSocket, room: string, count: number): Promise<void> {
  const command = frame(JSON.stringify({ type: 'chat_message', room, content: 'x'.repeat(64), id: 'id' }))
  const end = publisher.frames.length + count
  while (publisher.frames.length < end) {
    publisher.write(command)
    await once(publisher.socket, 'data')
  }
}

/** Bytes that one message to a room of so many members takes. */
async function bytesPerMessage(t: Test, server: ServerProcess, memberCount: number): Promise<number> {
  const room = `room-${memberCount}`
  const members: RawSocket[] = []
  while (members.length < memberCount) members.push(await join(t, server, room))
  const publisher = await openRaw(t, server.url)
  await until(() => publisher.frames.length === 1)
  await publish(publisher, room, WARM_UP)
  const [first, before] = [await heapOf(server), await heapOf(server)]
  await publish(publisher, room, MESSAGES)
  const after = await heapOf(server)
  const looking = before.usedBytes - first.usedBytes
  t.equal(after.collections, first.collections, 'nothing was collected')
  return (after.usedBytes - before.usedBytes - looking) / MESSAGES
}

t.test('a publish and a delivery take no more of the heap than they did', async (t) => {
  const server = await startUncollected(t)
  const alone = await bytesPerMessage(t, server, 1)
  const delivery = ((await bytesPerMessage(t, server, MEMBERS + 1)) - alone) / MEMBERS
  const publish = alone - delivery
  t.comment(`a publish takes ${publish.toFixed()} bytes, a delivery ${delivery.toFixed()}`)
  t.ok(publish > 0 && publish < BOUNDS.publish, `${publish.toFixed()} bytes a publish`)
  t.ok(delivery > 0 && delivery < BOUNDS.delivery, `${delivery.toFixed()} bytes a delivery`)
})
