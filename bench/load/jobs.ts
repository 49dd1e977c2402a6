import type { WireName } from './wires.js'

/** Members of rooms, messages to them, and how fast these come. */
export interface RoomsJob {
  readonly job: 'rooms'
  readonly wire: WireName
  readonly port: number
  /** Where the messages are published; absent: where the members are. */
  readonly publisherPort?: number
  readonly rooms: number
  /** Of each room. */
  readonly members: number
  /** Of all members together, those that this process holds: the first ones. */
  readonly held: number
  /** `one` beside the members, or every member in turn. */
  readonly senders: 'one' | 'members'
  /** Of each room: so many messages on their way at a time, or so many a second. */
  readonly pace: { readonly inFlight: number } | { readonly perSecond: number }
  /** Members whose latency is looked at. */
  readonly sampled: number
  readonly warmUpMs: number
  readonly measureMs: number
  readonly serverPid: number
  /** Nothing else runs on its core: it may use all of it, so that no server pays for waking it. */
  readonly sleepless: boolean
}

/** Shares of one core. `server` is NaN where the system does not tell. */
export interface Shares {
  readonly client: number
  readonly server: number
}

/** What came of messages that flowed. */
export interface FlowReport {
  /** While it was measured. */
  readonly deliveriesPerSecond: number
  readonly messagesPerSecond: number
  readonly shares: Shares
  /** Of deliveries, from the send; an HDR histogram of microseconds, compressed. */
  readonly latencies: string
  /** Over the whole run, up to a silence after the last message. */
  readonly delivered: number
  readonly surplus: number
  readonly sent: number
}

export interface RoomsReport extends FlowReport {
  readonly expected: number
  readonly connected: number
  readonly wireBytes: number
}

/** More members of the same rooms, in another process. */
export interface WatchJob {
  readonly job: 'watch'
  readonly wire: WireName
  readonly port: number
  /** Of each room, in all processes. */
  readonly members: number
  /** Numbers of those that this one holds, over all rooms. */
  readonly from: number
  readonly to: number
}

export interface WatchReport {
  readonly deliveriesPerSecond: number
  readonly delivered: number
  readonly connected: number
  /** Of its core, while it was measured. */
  readonly share: number
}

/** One connection that publishes, and waits for acknowledgements. */
export interface AcksJob {
  readonly job: 'acks'
  readonly port: number
  readonly inFlight: number
  readonly warmUpMs: number
  readonly measureMs: number
  readonly serverPid: number
}

export interface AcksReport {
  readonly acksPerSecond: number
  /** As the acknowledgements say. */
  readonly durable: string
  /** Answers that were no acknowledgement. */
  readonly refused: number
  readonly shares: Shares
  readonly latencies: string
}

/** Connections that are in their rooms and say nothing. */
export interface IdleJob {
  readonly job: 'idle'
  readonly wire: WireName
  readonly port: number
  readonly rooms: number
  /** They speak permessage-deflate; of Roomcast only. */
  readonly deflates: boolean
  /** Reached one after the other, each held until the parent says `go`. */
  readonly stages: readonly number[]
}

export interface IdleReport {
  readonly connected: number
  readonly lost: number
}

/** Members of one room of Roomcast, and large messages to them at a steady pace. */
export interface DeflateJob {
  readonly job: 'deflate'
  readonly port: number
  readonly members: number
  readonly perSecond: number
  /** Whether everybody speaks permessage-deflate. */
  readonly deflates: boolean
  readonly warmUpMs: number
  readonly measureMs: number
  readonly serverPid: number
}

export interface DeflateReport {
  /** While it was measured. */
  readonly deliveriesPerSecond: number
  /** On the wire to one member, the headers of frames included: the mean while it was measured. */
  readonly bytesPerMessage: number
  readonly shares: Shares
  /** Over the whole run, up to a silence after the last message. */
  readonly delivered: number
  readonly expected: number
  readonly connected: number
}

/** Clients whose connections are cut at once, that miss something, and come back. */
export interface StormJob {
  readonly job: 'storm'
  readonly port: number
  readonly rooms: number
  readonly clients: number
  /** Messages of each room while its members are away. */
  readonly missed: number
  readonly serverPid: number
}

export interface StormReport {
  /** From the first connection made anew until the last client has the last message. */
  readonly seconds: number
  readonly delivered: number
  readonly expected: number
  readonly connected: number
  /** Connections and resumes that came to nothing, and of these, those that were asked for once more. */
  readonly refused: number
  readonly retried: number
  /** Who has not come back; absent where all are complete. */
  readonly absence?: string
  /** While they came back. */
  readonly shares: Shares
  /** Of messages in a room that nothing happened to meanwhile. */
  readonly calmP99Ms: number
}

/** Clients that join at once, and then are cut at once and stay away. */
export interface CrowdJob {
  readonly job: 'crowd'
  readonly port: number
  readonly rooms: number
  readonly clients: number
  readonly serverPid: number
}

export interface CrowdReport {
  readonly connected: number
  /** While they joined. */
  readonly shares: Shares
  /** Until all are in. */
  readonly joining: CrowdPhase
  /** Until the server counts nobody of them any more, the grace included. */
  readonly leaving: CrowdPhase
  readonly isEmptied: boolean
}

export interface CrowdPhase {
  readonly seconds: number
  /** Of messages in a room that nothing happened to meanwhile. */
  readonly calmP99Ms: number
}

export interface Reports {
  readonly rooms: RoomsReport
  readonly watch: WatchReport
  readonly acks: AcksReport
  readonly idle: IdleReport
  readonly deflate: DeflateReport
  readonly storm: StormReport
  readonly crowd: CrowdReport
}

export type Job = RoomsJob | WatchJob | AcksJob | IdleJob | DeflateJob | StormJob | CrowdJob

/** From the load to its parent. `phase` tells what begins now; some phases wait until the parent says `go`. */
export type LoadMessage = { readonly phase: string } | { readonly report: unknown } | { readonly failure: string }
