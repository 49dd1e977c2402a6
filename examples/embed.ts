// Another Fastify application with Roomcast inside: `npx tsx examples/embed.ts`, then follow the lines it prints.
// In an application of your own the import is `import roomcast from 'roomcast'`.
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Fastify, { type FastifyInstance } from 'fastify'
import roomcast, { type RoomcastOptions } from '../src/app.js'

const ROOM = 'kitchen'
const host = '127.0.0.1'
const port = 3000

interface Order {
  readonly dish: string
}

/** A restaurant: whoever listens in the room hears each order as soon as it is taken. */
export async function createRestaurant(settings: RoomcastOptions['settings'] = {}): Promise<FastifyInstance> {
  // A room's name may have 128 bytes, each of which may be written as %XX.
  const app = Fastify({ forceCloseConnections: 'idle', routerOptions: { maxParamLength: 384 } })
  await app.register(roomcast, { settings: { DATA_DIR: 'memory', ...settings }, prefix: '/push' })

  const schema = {
    body: { type: 'object', required: ['dish'], properties: { dish: { type: 'string', minLength: 1 } } }
  } as const
  app.post<{ Body: Order }>('/orders', { schema }, async ({ body }, reply) => {
    // `content` is JSON text: it goes to the clients as it is.
    const { offset } = await app.rooms.publish({ room: ROOM, content: JSON.stringify(body), userId: null })
    return reply.code(201).send({ number: offset, dish: body.dish })
  })
  return app
}

async function start(): Promise<void> {
  const app = await createRestaurant()
  await app.listen({ host, port })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
  console.log(`Hear the orders: ws://${host}:${port}/push/ws, then send {"type":"join_room","room":"${ROOM}"}`)
  console.log(
    `Take an order:   curl -H 'content-type: application/json' -d '{"dish":"soup"}' http://${host}:${port}/orders`
  )
  console.log(`Look back:       curl http://${host}:${port}/push/rooms/${ROOM}/history`)
}

const startedAs = process.argv[1]
if (startedAs !== undefined && realpathSync(startedAs) === fileURLToPath(import.meta.url)) await start()
