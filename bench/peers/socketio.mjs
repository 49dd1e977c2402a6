// Socket.IO as it is fastest by its own documentation: WebSocket only, no compression, nothing kept for recovery.
import { createServer } from 'node:http'
import { createAdapter } from '@socket.io/redis-streams-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'

const { REDIS_URL } = process.env
const http = createServer()
const io = new Server(http, {
  transports: ['websocket'],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  ...(REDIS_URL !== undefined && { adapter: createAdapter(new Redis(REDIS_URL)) })
})

io.on('connection', (socket) => {
  socket.on('join', async (room, answer) => {
    await socket.join(room)
    answer()
  })
  socket.on('publish', (message) => io.to(message.room).emit('m', message))
})

http.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listens on http://127.0.0.1:${http.address().port}\n`)
})
