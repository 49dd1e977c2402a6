// A client in Node: start the server, then run `npx tsx examples/client.ts`. Kill the server and start it again, and
// see that nothing is missing. In an application of your own the import is `from '@roomcast/client'`.
import { WebSocket } from 'ws'
import { RoomcastClient } from '../client/src/index.js'

const url = process.argv[2] ?? 'ws://127.0.0.1:8765/ws'
const client = new RoomcastClient({ url, userId: 'carol', WebSocket })

client.on('state', ({ state, resumed }) => console.log(state, resumed ? '(the session goes on)' : ''))
client.on('message', ({ offset, user_id, content }) => console.log(offset, user_id, JSON.stringify(content)))
client.on('gap', ({ from, to }) => console.log(`${from} to ${to} are gone for good`))
client.on('reset', ({ offset }) => console.log(`what came after ${offset} is void`))

client.connect()
await client.join('lobby', { last: 10 })
const { offset, durable } = await client.publish('lobby', { text: 'Hello from Node' })
console.log(`stored as ${offset} (${durable}); Ctrl-C ends this`)

process.once('SIGINT', () => void client.close())
