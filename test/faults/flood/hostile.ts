// A process of its own, so that it takes no turn of those who measure: begins with its first message, ends with the parent.
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeText } from '../../../bench/load/frames.js'

/** What is to be done to a server. */
export interface Attack {
  readonly port: number
  readonly path: string
  /** Of the one who floods: it is a user as others are. */
  readonly token: string
  /** Messages a second over one connection. */
  readonly messages: number
  /** Connections that never come to the end of their request. */
  readonly handshakes: number
  /** Connections that say nothing once they are open. */
  readonly silent: number
}

/** What came of it. */
export interface Damage {
  sent: number
  /** Times that the one who floods began anew, and was refused. */
  connections: number
  refused: number
  slow: number
  silent: number
}

/** Each from an address of its own: nobody is taken for another. */
const addresses = { flood: '127.0.0.66', slow: '127.0.0.67', silent: '127.0.0.68' }
const TICK_MS = 5
const RETRY_MS = 100
/** The burst, and as many refusals as a connection outlives. */
const SENT_MAX = 1200
const message = '{"type":"chat_message","room":"flood","content":1,"id":"x"}'
const FIRST_BYTES = 20
const damage: Damage = { sent: 0, connections: 0, refused: 0, slow: 0, silent: 0 }

function requestOf({ path, port }: Attack, ...more: string[]): string {
  const headers = [...more, 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13']
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  return [`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...headers, key, '', ''].join('\r\n')
}

/** A socket whose end is waited for; what comes is thrown away but for the first bytes. */
function open({ port }: Attack, localAddress: string, onFirst: (text: string) => void = () => {}) {
  const socket = net.connect({ host: '127.0.0.1', port, localAddress })
  socket.on('error', () => {})
  socket.once('data', (bytes) => onFirst(bytes.toString('latin1', 0, 20)))
  socket.resume()
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return { socket, closed }
}

/**
 * Sends as much as it may, whatever is answered. As a rule it leaves when it is about to be thrown out, and begins anew;
 * now and then it stays until its socket is taken away.
 */
async function flood(attack: Attack): Promise<never> {
  const perTick = Math.ceil((attack.messages * TICK_MS) / 1000)
  const frames = Buffer.concat(Array.from({ length: perTick }, () => encodeText(message)))
  for (;;) {
    let ticks: NodeJS.Timeout | undefined
    let sent = 0
    const { socket, closed } = open(attack, addresses.flood, (text) => {
      if (!text.startsWith('HTTP/1.1 101')) {
        damage.refused++
        return
      }
      damage.connections++
      ticks = setInterval(() => {
        if (socket.writableNeedDrain) return
        socket.write(frames)
        damage.sent += perTick
        sent += perTick
        if (sent >= SENT_MAX && damage.connections % 50 > 0) socket.destroy()
      }, TICK_MS)
    })
    socket.write(requestOf(attack, `Authorization: Bearer ${attack.token}`))
    await closed
    clearInterval(ticks)
    await sleep(1)
  }
}

/** Its request comes byte by byte, and has no end. */
async function creep(attack: Attack): Promise<never> {
  const bytes = Buffer.from(`${requestOf(attack).trimEnd()}\r\nX-Pad: `)
  for (;;) {
    const { socket, closed } = open(attack, addresses.slow)
    damage.slow++
    socket.write(bytes.subarray(0, FIRST_BYTES))
    let at = FIRST_BYTES
    const ticks = setInterval(() => socket.write(bytes[at++] === undefined ? 'x' : bytes.subarray(at - 1, at)), 1000)
    await closed
    clearInterval(ticks)
    await sleep(RETRY_MS)
  }
}

async function keepSilent(attack: Attack): Promise<never> {
  for (;;) {
    const { socket, closed } = open(attack, addresses.silent, () => damage.silent++)
    socket.write(requestOf(attack))
    await closed
    await sleep(RETRY_MS)
  }
}

process.on('message', (attack: Attack | 'tell') => {
  if (attack === 'tell') {
    process.send?.(damage)
    return
  }
  if (attack.messages > 0) void flood(attack)
  for (let n = 0; n < attack.handshakes; n++) void creep(attack)
  for (let n = 0; n < attack.silent; n++) void keepSilent(attack)
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
