import fp from 'fastify-plugin'
import { type Random, systemRandom } from '../src/random.js'

declare module 'fastify' {
  interface FastifyInstance {
    random: Random
  }
}

export interface RandomPluginOptions {
  /** Chance as the server is to see it: for simulations, which replay it. The system's where none is given. */
  readonly random?: Random
}

export default fp<RandomPluginOptions>(
  async (fastify, { random = systemRandom }) => {
    fastify.decorate('random', random)
  },
  { name: 'random' }
)
