import { AssertionError, deepEqual, equal } from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { everything } from '../../src/auth/grant.js'
import type { Message } from '../support/live-client.js'
import { Client } from './client.js'
import { hear } from './hearing.js'
import type { Host } from './host.js'
import type { ConnectionModel, Model, RoomEar, SessionModel } from './model.js'

/** Longer than anything takes that needs no clock. */
const patienceMs = { memory: 300, disk: 3000, redis: 3000 } as const
/**
 * The clock moves by so much at once: pongs come in between. Less than a store is given for an answer, which would be late
 * before it had a turn.
 */
const TICK_MS = 2000

export interface RestRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly url: string
  readonly body?: object
}

/** The real server and its clients, for one sequence of commands. Its names are its own. */
export class World {
  readonly host: Host
  readonly model: Model
  readonly rooms: readonly string[]
  readonly users: readonly string[]
  readonly groups: readonly string[]
  clients: Client[] = []

  constructor(host: Host, model: Model, name: string) {
    this.host = host
    this.model = model
    const named = (names: string[]) => names.map((one) => `${name}-${one}`)
    this.rooms = named(['r', 's'])
    this.users = named(['alice', 'bob', 'carol'])
    this.groups = named(['g', 'h'])
  }

  /** Opens a connection, of a user where one is given, and waits for its welcome. */
  async connect(user: string | null, device: string): Promise<Client> {
    const { model, host } = this
    const connection: ConnectionModel = {
      n: model.connections.length,
      user,
      device,
      session: newSession(user),
      begun: false,
      open: true,
      rooms: new Set()
    }
    model.connections.push(connection)
    const client = new Client(connection, () => host.clock.now())
    this.clients.push(client)
    const arrival = {
      transport: client,
      address: '127.0.0.1',
      deviceId: device,
      userId: user,
      grant: everything,
      ndjson: false
    }
    client.begin(host.app.live.open(arrival))
    if (user !== null) this.identified(client)
    await this.until(() => (client.welcome.session_id === undefined ? 'the welcome is missing' : undefined))
    connection.session = { ...newSession(user), id: client.welcome.session_id, token: client.welcome.resume_token }
    equal(client.welcome.user_id, user)
    model.sessions.push(connection.session)
    return client
  }

  /** The connection's user is known: it hears its inbox and its groups from its device's cursors on. */
  identified(client: Client): void {
    const { user, device, session } = client.model
    session.user = user
    for (const [channel, start] of this.model.feedsOf(user ?? '')) {
      client.feeds.set(channel, { position: this.model.openCursor(user ?? '', device, channel, start) })
    }
  }

  clientOf(connection: ConnectionModel): Client {
    const client = this.clients.find(({ model }) => model === connection)
    if (client === undefined) throw new Error(`connection ${connection.n} is gone`)
    return client
  }

  async rest({ method, url, body }: RestRequest): Promise<{ status: number; body: Message }> {
    const response = await this.host.app.inject({ method, url, ...(body && { payload: body }) })
    return { status: response.statusCode, body: response.body === '' ? {} : response.json() }
  }

  /** Waits for the server to close a connection with this code, and strikes it out without ending its session. */
  async closed(client: Client, code: number): Promise<void> {
    await this.until(() => (client.closedWith === undefined ? `${code} did not come` : undefined))
    equal(client.closedWith, code, 'the close code')
    this.strikeOut(client)
  }

  /** A connection that is no more. */
  strikeOut(client: Client): void {
    this.hearAll()
    this.clients = this.clients.filter((one) => one !== client)
  }

  /** Judges everything that came in. */
  hearAll(): void {
    for (const client of this.clients) {
      for (const message of client.takeArrived()) hear(this.model, client, message)
      for (const [room, { position }] of client.ears) client.model.session.books.set(room, position)
    }
  }

  /** Lets time pass, second by second as it were; pings are answered as they come, unless the client holds them. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= TICK_MS) {
      this.host.clock.advance(Math.min(left, TICK_MS))
      this.model.expire()
      for (const client of this.clients) if (!client.holdsPongs) this.pong(client)
      await this.#bury()
    }
    await this.host.settle(4)
  }

  /** A pong confirms what had come before its ping. */
  pong(client: Client): void {
    for (const [room, offset] of client.answerPings()) {
      const place = client.model.session.places.get(room)
      if (place !== undefined) Object.assign(place, { lo: Math.min(place.lo, offset), hi: offset, either: false })
    }
  }

  /** Everything has arrived, nothing else did, and the server counts as the model does. */
  async check(): Promise<void> {
    await this.until(() => this.#complaint())
    await this.host.settle()
    this.hearAll()
    const complaint = await this.#complaint()
    if (complaint !== undefined) throw new AssertionError({ message: complaint })
    for (const { ears } of this.clients) for (const [room, ear] of ears) this.#settleStart(room, ear)
  }

  /** Nothing came: the replay had nothing to send. */
  #settleStart(room: string, ear: RoomEar): void {
    if (ear.upTo !== undefined) ear.position = this.model.stream(`room:${room}`).top
    ear.upTo = undefined
  }

  /** Asks again and again until there is no complaint; throws the last one once there was time enough. */
  async until(complain: () => string | undefined | Promise<string | undefined>): Promise<void> {
    const end = performance.now() + patienceMs[this.host.store]
    for (let tries = 0; ; tries++) {
      await this.host.settle(1)
      this.hearAll()
      const complaint = await complain()
      if (complaint === undefined) return
      if (performance.now() > end) throw new AssertionError({ message: complaint })
      if (tries > 20) await setTimeout(5)
    }
  }

  /** Those who showed no sign of life for too long are closed by the server, and nobody else. */
  async #bury(): Promise<void> {
    const { now } = this.model
    for (const client of [...this.clients]) {
      if (client.closedWith === undefined) {
        if (now() - client.silentSince > 70_000) throw new AssertionError({ message: 'a silent connection stays' })
        continue
      }
      equal(client.closedWith, 4000, 'the close code')
      if (now() - client.silentSince < 60_000) throw new AssertionError({ message: 'closed too early' })
      await this.host.settle(4)
      this.strikeOut(client)
      this.model.drop(client.model, false)
    }
  }

  async #complaint(): Promise<string | undefined> {
    for (const client of this.clients) {
      const complaint = this.#complaintOf(client)
      if (complaint !== undefined) return `connection ${client.model.n}: ${complaint}`
    }
    return (await this.#miscount()) ?? (await this.#misplaced())
  }

  #complaintOf(client: Client): string | undefined {
    const { model, ears, feeds, removals, signals, closedWith } = client
    if (closedWith !== undefined) return `closed with ${closedWith}`
    if (removals.size > 0) return `was not told that it is out of ${[...removals]}`
    if (signals.length > 0) return `${signals.length} signals did not come`
    if (!sameSet(ears.keys(), model.rooms)) return `in ${[...ears.keys()]} instead of ${[...model.rooms]}`
    if (model.user !== null && !sameSet(feeds.keys(), this.model.feedsOf(model.user).keys())) {
      return `hears ${[...feeds.keys()]} instead of ${[...this.model.feedsOf(model.user).keys()]}`
    }
    for (const [room, { view }] of ears) {
      if (!sameSet(view, this.model.usersIn(room))) {
        return `I6: sees ${[...view]} in ${room} instead of ${[...this.model.usersIn(room)]}`
      }
    }
    const heard = [...[...ears].map(([room, ear]) => [`room:${room}`, ear] as const), ...feeds]
    const behind = heard.find(([channel, { position, upTo }]) => {
      const { top } = this.model.stream(channel)
      return position !== top && (upTo === undefined || upTo < top)
    })
    return behind && `I1: ${behind[0]} was heard up to ${behind[1].position} of ${this.model.stream(behind[0]).top}`
  }

  /** I6: what REST tells of the rooms. */
  async #miscount(): Promise<string | undefined> {
    const { rooms: registry } = this.host.app
    for (const room of this.rooms) {
      const { users, connections } = await registry.counts(room)
      const expected = { users: this.model.usersIn(room).size, connections: this.model.connectionsIn(room) }
      if (users !== expected.users || connections !== expected.connections) {
        return `I6: ${room} counts ${users} users, ${connections} connections; ${JSON.stringify(expected)}`
      }
    }
    return undefined
  }

  /** I6: what REST tells of the users. */
  async #misplaced(): Promise<string | undefined> {
    const counted = await this.host.app.store.presence.connections(this.users)
    const expected = this.users.map((user) => this.model.openOf(user).length)
    const wrong = expected.findIndex((count, index) => count !== counted[index])
    return wrong === -1
      ? undefined
      : `I6: ${this.users[wrong]} has ${counted[wrong]} connections, not ${expected[wrong]}`
  }

  /** The members of a room, by name. */
  async members(room: string): Promise<void> {
    const { body } = await this.rest({ method: 'GET', url: `/rooms/${room}/members` })
    deepEqual(body.members.map(({ user_id }: Message) => user_id).sort(), [...this.model.usersIn(room)].sort())
  }
}

function newSession(user: string | null): SessionModel {
  return {
    id: '',
    user,
    token: '',
    previous: undefined,
    places: new Map(),
    books: new Map(),
    lost: new Set(),
    kept: false,
    releasedAt: undefined,
    over: false
  }
}

function sameSet(one: Iterable<string>, other: Iterable<string>): boolean {
  const [a, b] = [new Set(one), new Set(other)]
  return a.size === b.size && [...a].every((name) => b.has(name))
}
