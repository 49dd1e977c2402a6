// What one writes by hand with @fastify/websocket: a set for each room, and a loop of send.
import websocket from '@fastify/websocket'
import Fastify from 'fastify'

const OPEN = 1
/** From a room to the sockets in it. */
const rooms = new Map()

const server = Fastify()
await server.register(websocket, { options: { perMessageDeflate: false } })

server.get('/ws', { websocket: true }, (socket) => {
  socket.on('message', (data) => {
    const message = JSON.parse(data)
    if (message.type === 'join') join(socket, message.room)
    else publish(message)
  })
})

function join(socket, room) {
  const members = rooms.get(room) ?? new Set()
  rooms.set(room, members.add(socket))
  socket.on('close', () => members.delete(socket))
  socket.send('{"type":"joined"}')
}

function publish(message) {
  const text = JSON.stringify(message)
  for (const socket of rooms.get(message.room) ?? []) {
    if (socket.readyState === OPEN) socket.send(text)
  }
}

const url = await server.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`listens on ${url}\n`)
