import type { Acknowledger } from './acknowledger.js'
import type { Channels, Loss } from './channels.js'
import type { Emitter } from './emitter.js'
import { errorOf } from './errors.js'
import type { ClientEvents } from './events.js'
import {
  type Broadcast,
  type ChannelTag,
  type DirectMessage,
  type GapEvent,
  type GroupMessage,
  isPlaced,
  type PlacedMessage,
  type PresenceEvent,
  type RemovedEvent,
  type ResetEvent,
  type RoomMessage,
  type RoomState,
  type ServerMessage,
  type Signal,
  tagOf
} from './messages.js'

export interface InboundOptions {
  readonly channels: Channels
  readonly events: Emitter<ClientEvents>
  /** Undefined where the application acknowledges. */
  readonly acknowledger: Acknowledger | undefined
  /** Takes an `ack` or `error`; false where nobody waits for it. */
  readonly settle: (answer: ServerMessage) => boolean
}

/** The shape that the type of a message promises is the server's to keep; its place in a channel is checked. */
function as<T>(message: ServerMessage): T {
  return message as unknown as T
}

/** What comes in, to where it belongs: answers to those who asked, and everything else to events, each once. */
export class Inbound {
  readonly #options: InboundOptions

  constructor(options: InboundOptions) {
    this.#options = options
  }

  receive(message: ServerMessage): void {
    const { events, settle } = this.#options
    if (message.type === 'ack') settle(message)
    else if (message.type === 'error') this.#onError(message)
    else if (message.type === 'system') this.#onSystem(message)
    else if (message.type === 'broadcast') events.emit('broadcast', as<Broadcast>(message))
    else if (message.type === 'signal') this.#onSignal(message)
    else if (isPlaced(message)) this.#onPlaced(message)
  }

  onLoss(loss: Loss | undefined): void {
    const { events, acknowledger } = this.#options
    if (loss?.kind === 'gap') events.emit('gap', loss.event)
    if (loss?.kind !== 'reset') return
    const { room, group, epoch, offset } = loss.event
    if (room === undefined) acknowledger?.onReset(group, { epoch, offset })
    events.emit('reset', loss.event)
  }

  onRemoved(removed: RemovedEvent): void {
    if (removed.room !== undefined) this.#options.channels.leave(removed.room)
    this.#options.events.emit('removed', removed)
  }

  /** Who came and left while one was away is not told name by name. */
  onRoom(room: string, { online_count }: RoomState): void {
    const timestamp = new Date().toISOString()
    const event = { action: 'online_count', room, online_count, joined: 0, left: 0, timestamp } as const
    this.#options.events.emit('presence', event)
  }

  #onError(message: ServerMessage): void {
    const { events, settle } = this.#options
    if (!settle(message)) events.emit('error', errorOf(message))
  }

  #onSystem(message: ServerMessage): void {
    const { channels, events } = this.#options
    const { action, room = '' } = message
    if (action === 'gap') this.onLoss(channels.onGap(as<GapEvent>(message)))
    else if (action === 'reset') this.onLoss(channels.onReset(as<ResetEvent>(message)))
    else if (action === 'removed') this.onRemoved(as<RemovedEvent>(message))
    else if (isPresence(action) && channels.has(room)) events.emit('presence', as<PresenceEvent>(message))
  }

  #onSignal(message: ServerMessage): void {
    const { channels, events } = this.#options
    if (channels.has(message.room ?? '')) events.emit('signal', as<Signal>(message))
  }

  #onPlaced(message: PlacedMessage): void {
    const { channels, events } = this.#options
    const tag = message.type === 'direct_message' ? ({ inbox: true } as const) : tagOf(message)
    if (tag === undefined || !channels.accept(tag, message)) return
    if (tag.room !== undefined) events.emit('message', as<RoomMessage>(message))
    else this.#onStored(tag, message)
  }

  #onStored({ group }: ChannelTag, message: PlacedMessage): void {
    const { events, acknowledger } = this.#options
    const { epoch, offset } = message
    const delivery =
      group === undefined
        ? events.emit('direct', as<DirectMessage>(message))
        : events.emit('group', as<GroupMessage>(message))
    acknowledger?.onDelivered(group, { epoch, offset }, delivery)
  }
}

function isPresence(action: string | undefined): boolean {
  return action === 'user_joined' || action === 'user_left' || action === 'online_count'
}
