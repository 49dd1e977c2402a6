import { once } from 'node:events'
import t from 'tap'
import { RoomcastClient } from '../../client/src/index.js'
import { connected, reconnect, type Stage, settled, stage } from './fake-server.js'

const direct = (offset: number, epoch = 'a') => ({
  type: 'direct_message',
  from: 'bob',
  to: 'alice',
  content: offset,
  message_id: `${epoch}${offset}`,
  epoch,
  offset
})
const toGroup = (offset: number) => ({ ...direct(offset), type: 'group_message', group: 'g' })

/** A connected client without rooms. */
const alone = (options = {}) => connected(options, { room: '' })

const offsets = (scene: Stage) => scene.heard('direct').map(({ offset }) => offset)
const acks = ({ socket }: Stage) => socket.all('inbox_ack').map(({ offset, epoch, group }) => [group, epoch, offset])

/** Lets the client's listeners finish and its pause before an acknowledgement pass. */
async function pause({ clock }: Stage): Promise<void> {
  await settled()
  clock.advance(200)
}

t.test('what listeners have had is acknowledged: the newest, at most every 200 ms', async (t) => {
  const scene = await alone()
  scene.socket.say(direct(1), direct(2))
  await settled()
  t.strictSame(acks(scene), [])
  scene.clock.advance(150)
  scene.socket.say(direct(3))
  await settled()
  scene.clock.advance(50)
  t.strictSame(acks(scene), [[undefined, 'a', 3]])
  scene.socket.say(direct(4))
  await pause(scene)
  t.strictSame(acks(scene), [
    [undefined, 'a', 3],
    [undefined, 'a', 4]
  ])
})

t.test('what comes again on the next connection is not heard again', async (t) => {
  const scene = await alone()
  scene.socket.say(direct(1), direct(2))
  await reconnect(scene)
  scene.socket.say(direct(1), direct(2), direct(3))
  t.strictSame(offsets(scene), [1, 2, 3])
})

t.test('groups have positions and acknowledgements of their own', async (t) => {
  const scene = await alone()
  scene.socket.say(direct(5), toGroup(2), toGroup(2), toGroup(3))
  await pause(scene)
  t.strictSame(acks(scene), [
    [undefined, 'a', 5],
    ['g', 'a', 3]
  ])
  t.equal(scene.heard('group').length, 2)
})

t.test('a listener that takes its time is waited for', async (t) => {
  const scene = stage({}, { deaf: ['direct'] })
  let done = () => {}
  scene.client.on('direct', ({ offset }) =>
    offset === 1
      ? new Promise<void>((resolve) => {
          done = resolve
        })
      : undefined
  )
  scene.client.connect()
  scene.socket.welcome()
  await settled()
  scene.socket.say(direct(1), direct(2))
  await pause(scene)
  t.strictSame(acks(scene), [], 'the second one would acknowledge the first')
  done()
  await pause(scene)
  t.strictSame(acks(scene), [[undefined, 'a', 2]])
})

t.test('without a listener nothing is acknowledged, and it comes again for one that listens then', async (t) => {
  const scene = stage({}, { deaf: ['direct'] })
  scene.client.connect()
  scene.socket.welcome()
  await settled()
  scene.socket.say(direct(1))
  await pause(scene)
  const heard: number[] = []
  scene.client.on('direct', ({ offset }) => void heard.push(offset))
  scene.socket.say(direct(2))
  await pause(scene)
  t.strictSame(acks(scene), [])
  await reconnect(scene)
  scene.socket.say(direct(1), direct(2))
  await pause(scene)
  t.strictSame(heard, [2, 1, 2])
  t.strictSame(acks(scene), [[undefined, 'a', 2]])
})

t.test('what a listener failed on is not acknowledged, and comes again on the next connection', async (t) => {
  const scene = stage({}, { deaf: ['direct'] })
  const heard: number[] = []
  let broken = true
  scene.client.on('direct', async ({ offset }) => {
    heard.push(offset)
    if (broken && offset === 2) throw new Error('no room on disk')
  })
  scene.client.connect()
  scene.socket.welcome()
  await settled()
  scene.socket.say(direct(1))
  await pause(scene)
  scene.socket.say(direct(2), direct(3))
  await pause(scene)
  t.strictSame(acks(scene), [[undefined, 'a', 1]])
  await scene.socket.ack('inbox_ack', { offset: 1, epoch: 'a' })
  broken = false
  await reconnect(scene)
  scene.socket.say(direct(2), direct(3))
  await pause(scene)
  t.strictSame(heard, [1, 2, 3, 2, 3])
  t.strictSame(acks(scene), [[undefined, 'a', 3]])
})

t.test('a listener that throws is an uncaught error, and stops nobody else', async (t) => {
  const scene = await alone()
  const uncaught = t.captureFn(() => {})
  process.once('uncaughtException', uncaught)
  const thrown = once(process, 'uncaughtException').catch(() => {})
  scene.client.on('signal', () => {})
  scene.client.on('broadcast', () => {
    throw new Error('a fault of the application')
  })
  let heard = 0
  scene.client.on('broadcast', () => heard++)
  scene.socket.say({ type: 'broadcast', content: 1, message_id: 'm', timestamp: '' })
  await thrown
  t.match(uncaught.args(), [[{ message: 'a fault of the application' }]])
  t.equal(heard, 1)
})

t.test('a reset is told, the positions go back with it, and so do acknowledgements', async (t) => {
  const scene = await alone()
  scene.socket.say(direct(9))
  await settled()
  const reset = { type: 'system', action: 'reset', inbox: true, epoch: 'b', offset: 4 }
  scene.socket.say(reset, direct(5, 'b'))
  await pause(scene)
  t.match(scene.heard('reset'), [reset])
  t.strictSame(offsets(scene), [9, 5])
  t.strictSame(acks(scene), [[undefined, 'b', 5]])
  const gap = { type: 'system', action: 'gap', group: 'g', epoch: 'a', from: 1, to: 2 }
  scene.socket.say(gap)
  t.match(scene.heard('gap'), [gap])
})

t.test('close sends what waits to be acknowledged', async (t) => {
  const scene = await alone()
  scene.socket.say(direct(1))
  await settled()
  await scene.client.close()
  t.strictSame(acks(scene), [[undefined, 'a', 1]])
  t.strictSame(scene.heard('error'), [])
})

t.test('an acknowledgement that is refused is told', async (t) => {
  const scene = await alone()
  scene.socket.say(direct(1))
  await pause(scene)
  await scene.socket.refuse('inbox_ack', 'forbidden')
  t.match(scene.heard('error'), [{ code: 'forbidden' }])
})

t.test('the application may acknowledge by itself', async (t) => {
  const scene = await alone({ acknowledge: 'manual' })
  scene.socket.say(direct(1), toGroup(7))
  await pause(scene)
  t.strictSame(acks(scene), [])
  const [message] = scene.heard('direct')
  const [grouped] = scene.heard('group')
  if (message === undefined || grouped === undefined) throw new Error('not heard')
  const inbox = scene.client.acknowledge(message)
  await scene.socket.ack('inbox_ack', { offset: 1, epoch: 'a' })
  t.strictSame(await inbox, { offset: 1, epoch: 'a' })
  const group = scene.client.acknowledge(grouped)
  await scene.socket.ack('inbox_ack', { offset: 7, epoch: 'a' })
  await group
  t.strictSame(acks(scene), [
    [undefined, 'a', 1],
    ['g', 'a', 7]
  ])
})

t.test('a runtime without WebSocket needs to be given one', async (t) => {
  const { WebSocket } = globalThis as { WebSocket?: unknown }
  t.teardown(() => Object.assign(globalThis, { WebSocket }))
  Object.assign(globalThis, { WebSocket: undefined })
  t.throws(() => new RoomcastClient({ url: 'ws://server/ws' }), TypeError)
})
