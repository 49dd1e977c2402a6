import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import { Flow, type Publishers } from '../../bench/load/flow.js'
import { canFlowInC, flowInC } from '../../bench/load/flow-in-c.js'
import { mergeHistograms } from '../../bench/load/histogram.js'
import type { FlowReport, RoomsJob } from '../../bench/load/jobs.js'
import { Member } from '../../bench/load/member.js'
import { messageFrame } from '../../bench/load/wire-size.js'
import { wires } from '../../bench/load/wires.js'
import type { Scope } from '../support/scope.js'
import { until } from '../support/until.js'

const MEMBERS = 3

interface Room {
  readonly job: RoomsJob
  readonly flow: Flow
  readonly members: readonly Member[]
  readonly publishers: readonly Publishers[]
}

type RunFlow = (room: Room, onPhase: (phase: string) => void) => Promise<FlowReport>

const inNode: RunFlow = ({ flow, publishers }, onPhase) => flow.run(publishers, onPhase)
const inC: RunFlow = ({ job, members, publishers }, onPhase) => flowInC(job, members, publishers, onPhase)
/** The program in C is used only where it can be built. */
const flows: ReadonlyArray<readonly [string, RunFlow]> = [
  ['Node', inNode],
  ...(canFlowInC() ? [['C', inC] as const] : [])
]

for (const [language, run] of flows) {
  t.test(`every message of a flow in ${language} reaches every member, and each is followed by the next`, async (t) => {
    const room = await openRoom(t, { inFlight: 2 })
    const phases: string[] = []
    const report = await run(room, (phase) => phases.push(phase))
    t.strictSame(phases, ['measuring', 'measured'])
    t.equal(report.delivered, report.sent * MEMBERS)
    t.equal(report.surplus, 0)
    t.ok(report.sent > 2, 'what was done was followed by more')
    const { totalCount } = mergeHistograms([report.latencies])
    t.ok(totalCount > 0 && totalCount < report.delivered, 'latencies are of one member, while it was measured')
  })

  t.test(`a flow in ${language} sends as many a second as it is told`, async (t) => {
    const room = await openRoom(t, { perSecond: 100 })
    const begun = performance.now()
    const report = await run(room, () => {})
    const due = ((performance.now() - begun) / 1000) * 100
    t.equal(report.delivered, report.sent * MEMBERS)
    t.ok(report.sent > 0 && report.sent <= due, `${report.sent} of at most ${due}`)
  })

  t.test(`a flow in ${language} answers pings, of WebSocket and of the application`, async (t) => {
    const answers: string[] = []
    const room = await openRoom(t, { inFlight: 1 }, { wire: 'socketio', onAnswer: (text) => answers.push(text) })
    const report = await run(room, () => {})
    t.equal(report.delivered, report.sent * MEMBERS)
    await until(() => answers.length === 2)
    t.strictSame(answers.sort(), ['3', 'pong p'])
  })

  t.test(`a flow in ${language} counts what comes twice as surplus`, async (t) => {
    const room = await openRoom(t, { inFlight: 1 }, { times: 2 })
    const report = await run(room, () => {})
    t.ok(report.surplus > 0)
  })
}

interface RoomOptions {
  readonly wire?: 'plain' | 'socketio'
  /** How often everybody gets each message. */
  readonly times?: number
  readonly onAnswer?: (text: string) => void
}

/** Three members and one who publishes, at a server that sends each message on, and pings the first member once. */
async function openRoom(t: Scope, pace: RoomsJob['pace'], options: RoomOptions = {}): Promise<Room> {
  const { wire = 'plain' } = options
  const port = await listen(t, options)
  const durations = { warmUpMs: 100, measureMs: 500 }
  const job: RoomsJob = {
    ...{ job: 'rooms', wire, port, rooms: 1, members: MEMBERS, held: MEMBERS, senders: 'one', pace, sampled: 1 },
    ...{ ...durations, serverPid: process.pid, sleepless: false }
  }
  const flow = new Flow(job)
  const members = await Promise.all(
    Array.from({ length: MEMBERS }, (_, place) =>
      Member.join({
        ...{ port, wire: wires[wire], onCount: (count) => flow.onCount(0, place, count) },
        onMessage: place === 0 ? (payload) => flow.onMessage(payload) : undefined
      })
    )
  )
  const publisher = await Member.join({ port, wire: wires[wire] })
  t.teardown(() => {
    for (const member of [...members, publisher]) member.destroy()
  })
  const frames = [messageFrame(wires[wire], { room: 'r', user: 'p' }, 10)]
  return { job, flow, members, publishers: [{ members: [publisher], frames }] }
}

async function listen(t: Scope, { times = 1, onAnswer }: RoomOptions): Promise<number> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  t.teardown(() => server.close())
  server.on('connection', (socket) => {
    socket.send('0{}')
    socket.on('pong', (payload) => onAnswer?.(`pong ${payload}`))
    socket.on('message', (text) => onText(server, socket, String(text)))
  })
  const onText = ({ clients }: WebSocketServer, from: WebSocket, text: string) => {
    if (text === '40') from.send('40{}')
    else if (text === '3') onAnswer?.(text)
    else
      relay(
        [...clients].filter((client) => client !== from),
        text
      )
  }
  let isPinged = onAnswer === undefined
  const relay = (members: readonly WebSocket[], text: string) => {
    for (const member of members) for (let time = 0; time < times; time++) member.send(text)
    if (isPinged) return
    isPinged = true
    members[0]?.ping('p')
    members[0]?.send('2')
  }
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
