import fp from 'fastify-plugin'
import { ControlChannel } from '../src/control/control-channel.js'

declare module 'fastify' {
  interface FastifyInstance {
    control: ControlChannel
  }
}

export default fp(
  async (fastify) => {
    const { clock, random, messageBus: channels, store } = fastify
    const control = new ControlChannel({ streams: store.streams, channels, clock, random })
    await control.start()
    fastify.decorate('control', control)
  },
  { name: 'control', dependencies: ['clock', 'random', 'message-bus'] }
)
