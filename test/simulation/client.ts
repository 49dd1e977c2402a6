import type { Message } from '../support/live-client.js'
import { Ear } from './ear.js'
import type { Draft } from './ledger.js'
import type { SeededRandom } from './seeded-random.js'
import { hold } from './violation.js'
import { Wire } from './wire.js'
import type { World } from './world.js'

/** Every command is answered in this time. */
const ANSWER_MS = 3000
/** Attempts to resume within this time may have changed the token unnoticed (protocol.md 2.4). */
const ATTEMPT_MEMORY_MS = 60_000
/** A session is gone where Redis lost it so lately. */
const LOSS_MEMORY_MS = 150_000

interface Session {
  readonly id: string
  token: string
}

type Answered = (answer: Message) => void

/** One client of the simulated world: it keeps books, drops, comes back on any node, and publishes until it is told. */
export class SimulatedClient {
  readonly userId: string
  readonly deviceId: string
  /** Rooms that it is in, as far as it was told. */
  readonly ears = new Map<string, Ear>()
  readonly inbox: Ear
  /** Since when its rooms are whole on this connection. */
  settledAt = Number.POSITIVE_INFINITY
  readonly #world: World
  readonly #random: SeededRandom
  readonly #name: string
  #wire: Wire | undefined
  #session: Session | undefined
  /** Kept by a session: it joined a room once. */
  #isKept = false
  #attempts: Array<{ readonly at: number; answered: boolean }> = []
  readonly #asked = new Map<string, Answered>()
  #nextId = 0
  #lastAnswerAt = 0
  /** An exclusive command is under way, or it is not settled yet. */
  #isBusy = true
  readonly #unsettled: Draft[] = []
  #isQuiet = false

  constructor(world: World, name: string, userId: string) {
    this.#world = world
    this.#random = world.random.fork()
    this.#name = name
    this.userId = userId
    this.deviceId = name
    this.inbox = new Ear(`user:${userId}`, { epoch: '', offset: 0 })
  }

  get isOnline(): boolean {
    return this.#wire?.isOpen === true
  }

  /** It has nothing more to do: connected, in its rooms, and told of everything that it published. */
  get isAtRest(): boolean {
    return this.isOnline && !this.#isBusy && this.#unsettled.length === 0
  }

  /** What it waits for, in words. */
  get state(): string {
    const rooms = [...this.ears].map(([room, { offset }]) => `${room}@${offset}`)
    const flags = [this.isOnline ? 'online' : 'offline', this.#isBusy ? 'busy' : 'idle']
    return `${this.#name} (${this.userId}) ${flags.join(' ')} ${rooms.join(' ')} unsettled ${this.#unsettled.length}`
  }

  /** Nothing else may come before a session is taken over. */
  get #isEntered(): boolean {
    return this.isOnline && Number.isFinite(this.settledAt)
  }

  get node(): string | undefined {
    return this.isOnline ? this.#wire?.node.name : undefined
  }

  begin(): void {
    this.#connectLater(this.#random.between(0, 1000))
    this.#actLater()
  }

  /** Nothing where it may not publish now. */
  publishTo(room: string): void {
    if (this.#isEntered && !this.#isQuiet) this.#store({ type: 'chat_message', room }, `room:${room}`)
  }

  /** It begins nothing new, and stays where it is. */
  quieten(): void {
    this.#isQuiet = true
  }

  /** Its node is gone, and the socket with it. */
  lose(): void {
    this.#world.tell(() => `${this.#name} loses its node`)
    this.#wire?.vanish()
    this.#onEnd()
  }

  #connectLater(delayMs: number): void {
    this.#world.time.after(delayMs, () => {
      const node = this.#random.pick(this.#world.nodes)
      if (node.isUp && this.#world.accepts(node)) this.#connect(node)
      else this.#connectLater(this.#random.between(50, 500))
    })
  }

  #connect(node: Wire['node']): void {
    const { time, latencyMs } = this.#world
    this.#world.tell(() => `${this.#name} connects to ${node.name}`)
    this.#isBusy = true
    this.inbox.reopen()
    let wire: Wire | undefined
    const isCurrent = () => wire === undefined || this.#wire === wire
    const listener = {
      onMessage: (message: Message) => isCurrent() && this.#onMessage(message),
      onClose: (code: number) => isCurrent() && this.#onClose(code)
    }
    const { userId, deviceId } = this
    wire = new Wire({ node, time, latencyMs, userId, deviceId, listener })
    this.#wire = wire
  }

  #onClose(code: number): void {
    this.#world.tell(() => `${this.#name} is closed with ${code}`)
    this.#onEnd()
  }

  #onEnd(): void {
    if (this.#wire === undefined) return
    this.#wire = undefined
    this.#isBusy = true
    this.settledAt = Number.POSITIVE_INFINITY
    const waiting = [...this.#asked.values()]
    this.#asked.clear()
    for (const answered of waiting) answered({ type: 'closed' })
    this.#connectLater(this.#random.between(20, 800))
  }

  #ask(message: object, answered: Answered): void {
    const id = `${++this.#nextId}`
    const wire = this.#wire
    if (wire === undefined) return
    const begunAt = this.#world.time.now
    this.#asked.set(id, (answer) => {
      this.#lastAnswerAt = this.#world.time.now
      answered(answer)
    })
    wire.send({ id, ...message })
    const look = () => {
      if (!this.#asked.has(id) || this.#wire !== wire) return
      const waitedMs = this.#world.time.now - Math.max(begunAt, this.#lastAnswerAt, this.#world.standstillAt(wire.node))
      if (!wire.node.isUp || waitedMs < ANSWER_MS)
        this.#world.time.after(ANSWER_MS - Math.min(waitedMs, ANSWER_MS - 100), look)
      else this.#world.fail(`I9: ${this.#name}: no answer for ${waitedMs} ms to ${JSON.stringify(message)}`)
    }
    this.#world.time.after(ANSWER_MS, look)
  }

  #onMessage(message: Message): void {
    const { type } = message
    if (type === 'ack' || type === 'error') {
      const answered = this.#asked.get(message.id)
      this.#asked.delete(message.id)
      if (message.code === 'internal') this.#world.fail(`I10: ${this.#name}: ${JSON.stringify(message)}`)
      answered?.(message)
    } else if (type === 'chat_message') {
      this.#hear(this.ears.get(message.room), `room:${message.room}`, message)
    } else if (type === 'direct_message') {
      this.#hear(message.to === this.userId ? this.inbox : undefined, `user:${message.to}`, message)
    } else if (message.action === 'connected') {
      this.#onWelcome(message)
    } else if (message.action === 'reset' || message.action === 'gap') {
      this.#onTold(message)
    }
  }

  #hear(ear: Ear | undefined, channel: string, message: Message): void {
    this.#world.tell(() => `${this.#name} hears ${channel} ${message.offset} ${message.message_id}`, 'detail')
    this.#world.guard(this.#name, () => {
      hold(ear !== undefined, () => `I4: ${channel} ${message.offset} was heard by one who is not in it`)
      this.#world.ledger.check(channel, message)
      ear.hear(message)
    })
  }

  #onTold(message: Message): void {
    this.#world.tell(() => `${this.#name} is told ${JSON.stringify(message)}`)
    const ear = message.inbox === true ? this.inbox : this.ears.get(message.room)
    this.#world.guard(this.#name, () => {
      hold(ear !== undefined, () => `I4: told of ${JSON.stringify(message)} that it is not in`)
      hold(message.action === 'reset', () => `I1: nothing was trimmed, and a gap is told: ${JSON.stringify(message)}`)
      this.#checkLoss(message)
      ear.reset({ epoch: message.epoch, offset: message.offset })
    })
  }

  /** A reset is told only where something was lost. */
  #checkLoss(message: Message): void {
    hold(
      this.#world.ledger.losses.length > 0,
      () => `I1: nothing was lost, and a reset is told: ${JSON.stringify(message)}`
    )
  }

  #onWelcome({ session_id: id, resume_token: token }: Message): void {
    if (this.#session !== undefined && this.#isKept) {
      this.#resume({ id, token })
      return
    }
    this.#session = { id, token }
    this.#enterAll()
  }

  #resume(fresh: Session): void {
    const session = this.#session ?? fresh
    const isBookless = this.#random.chance(0.2)
    const positions = Object.fromEntries([...this.ears].map(([room, { position }]) => [room, position]))
    for (const room of this.ears.keys()) this.#world.onJoining(room)
    const attempt = { at: this.#world.time.now, answered: false }
    this.#attempts.push(attempt)
    const request = { type: 'resume', session_id: session.id, resume_token: session.token }
    this.#ask(isBookless ? request : { ...request, positions }, (answer) => {
      this.#world.tell(() => `${this.#name} resumes: ${JSON.stringify(answer)}`)
      attempt.answered = answer.type === 'ack'
      if (answer.type === 'ack') this.#onResumed(session, answer, isBookless)
      else if (answer.code === 'session_not_found') this.#onSessionLost(fresh)
      else if (answer.type === 'error') this.#later(() => this.#resume(fresh))
    })
  }

  #onResumed(session: Session, { resume_token: token, rooms }: Message, isBookless: boolean): void {
    session.token = token
    for (const [room, ear] of this.ears) {
      const state = rooms[room]
      if (state !== undefined) this.#world.guard(this.#name, () => this.#follow(ear, state, isBookless))
    }
    for (const [room, state] of Object.entries(rooms as Message)) {
      // It had asked to join, and was not told that it is in.
      if (!this.ears.has(room)) this.ears.set(room, openEar(room, state))
    }
    this.#enterAll(new Set(Object.keys(rooms)))
  }

  #follow(ear: Ear, state: Message, isBookless: boolean): void {
    hold(state.recovered !== 'gap', () => `I1: nothing was trimmed, and a gap is told: ${JSON.stringify(state)}`)
    if (state.recovered === 'reset') {
      this.#checkLoss(state)
      ear.reset({ epoch: state.epoch, offset: 0 })
    } else if (isBookless && state.epoch !== ear.epoch && this.#world.ledger.losses.length > 1) {
      // Between two losses it may have heard what the first one began, and the second one made void with its session.
      ear.forget({ epoch: state.epoch, offset: state.offset })
    } else if (isBookless) {
      ear.cutAfter(state.offset)
      ear.reopen()
    }
  }

  #onSessionLost(fresh: Session): void {
    const { time, ledger } = this.#world
    const lately = this.#attempts.filter(({ at }) => time.now - at < ATTEMPT_MEMORY_MS)
    const mayHaveChanged = lately.length > 2 && lately.some(({ answered }) => !answered)
    const isExcused = mayHaveChanged || ledger.hasLostWithin(LOSS_MEMORY_MS, time.now)
    if (!isExcused) this.#world.fail(`I1: ${this.#name}: its session is gone, and nobody lost it`)
    this.#session = fresh
    this.#isKept = false
    this.#enterAll()
  }

  /** Joins, one after the other, what the session did not bring. */
  #enterAll(entered: ReadonlySet<string> = new Set()): void {
    const missing = [...this.ears.keys()].find((room) => !entered.has(room))
    if (missing === undefined) {
      this.#isBusy = false
      this.settledAt = this.#world.time.now
      return
    }
    this.#join(missing, this.ears.get(missing), () => this.#enterAll(new Set([...entered, missing])))
  }

  /** Until it is in. */
  #join(room: string, ear: Ear | undefined, entered: () => void): void {
    this.#world.onJoining(room)
    const since = ear === undefined || ear.epoch === '' ? {} : { since: ear.position }
    this.#ask({ type: 'join_room', room, ...since }, (answer) => {
      this.#world.tell(() => `${this.#name} joins ${room}: ${JSON.stringify(answer)}`)
      if (answer.type === 'closed') return
      if (answer.type === 'error') {
        this.#later(() => this.#join(room, ear, entered))
        return
      }
      this.#isKept = true
      if (ear === undefined)
        this.ears.set(room, new Ear(`room:${room}`, { epoch: answer.epoch, offset: answer.offset }))
      else this.#world.guard(this.#name, () => this.#follow(ear, answer, false))
      entered()
    })
  }

  /** In a while, if the connection is still the same. */
  #later(task: () => void): void {
    const wire = this.#wire
    this.#world.time.after(this.#random.between(300, 1200), () => this.#wire === wire && wire !== undefined && task())
  }

  #actLater(): void {
    this.#world.time.after(this.#random.between(100, 1500) * this.#world.pace, () => {
      if (this.#isQuiet) return
      if (this.isOnline) this.#act()
      this.#actLater()
    })
  }

  #act(): void {
    const action = this.#random.next()
    if (action > 0.92) this.#drop()
    else if (!this.#isEntered) return
    else if (action < 0.62) this.#publish()
    else if (action < 0.7) this.#send()
    else if (action < 0.76) this.#acknowledge()
    else if (!this.#isBusy) this.#move()
  }

  #publish(): void {
    const room = this.#random.pick(this.#world.rooms)
    for (let count = this.#random.integer(1, 3); count > 0; count--) this.publishTo(room)
  }

  #send(): void {
    const to = this.#random.pick(this.#world.users)
    this.#store({ type: 'direct_message', to }, `user:${to}`)
  }

  #store(request: object, channel: string): void {
    const id = this.#world.newMessageId()
    const draft = this.#world.ledger.begin(id, channel, this.#world.time.now)
    this.#unsettled.push(draft)
    this.#attempt({ ...request, message_id: id, content: id }, draft)
  }

  /** Until it is acknowledged, under the same id. */
  #attempt(request: object, draft: Draft): void {
    const again = () => {
      this.#world.time.after(this.#random.between(100, 1500), () => this.#attempt(request, draft))
    }
    if (!this.#isEntered) {
      again()
      return
    }
    this.#ask(request, (answer) => {
      this.#world.tell(() => `${this.#name} publishes ${draft.id}: ${JSON.stringify(answer)}`)
      if (answer.type !== 'ack') again()
      else this.#settle(draft, answer)
    })
  }

  #settle(draft: Draft, { epoch, offset }: Message): void {
    this.#unsettled.splice(this.#unsettled.indexOf(draft), 1)
    // A directed message tells no position.
    draft.receipts.push({ epoch: epoch ?? '', offset: offset ?? 0, at: this.#world.time.now })
    this.#world.onAcknowledged(draft)
    // An impatient publisher asks once more.
    if (offset !== undefined && this.#random.chance(0.1)) this.#repeat(draft)
  }

  #repeat(draft: Draft): void {
    const request = {
      type: 'chat_message',
      room: draft.channel.slice('room:'.length),
      message_id: draft.id,
      content: draft.id
    }
    this.#ask(request, (answer) => {
      if (answer.type !== 'ack') return
      draft.receipts.push({ epoch: answer.epoch, offset: answer.offset, at: this.#world.time.now })
    })
  }

  #acknowledge(): void {
    const { offset, epoch, isOpen } = this.inbox
    if (offset === 0 || isOpen) return
    this.#ask({ type: 'inbox_ack', offset, epoch }, () => {})
  }

  #drop(): void {
    this.#world.tell(() => `${this.#name} drops`)
    if (this.#random.chance(0.2)) this.#wire?.vanish()
    else this.#wire?.end(1006)
    this.#onEnd()
  }

  /** Into a room, or out of one. */
  #move(): void {
    const room = this.#random.pick(this.#world.rooms)
    const done = () => {
      this.#isBusy = false
    }
    this.#isBusy = true
    if (!this.ears.has(room)) this.#join(room, undefined, done)
    else if (this.#random.chance(0.3)) this.#leave(room, done)
    else done()
  }

  #leave(room: string, done: () => void): void {
    this.#ask({ type: 'leave_room', room }, (answer) => {
      this.#world.tell(() => `${this.#name} leaves ${room}: ${JSON.stringify(answer)}`)
      if (answer.type === 'closed') return
      if (answer.type === 'error') {
        this.#later(() => this.#leave(room, done))
        return
      }
      this.ears.delete(room)
      done()
    })
  }
}

function openEar(room: string, { epoch, offset }: Message): Ear {
  const ear = new Ear(`room:${room}`, { epoch, offset })
  ear.reopen()
  return ear
}
