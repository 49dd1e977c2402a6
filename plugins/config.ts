import fp from 'fastify-plugin'
import { type Config, loadConfig, parseConfig } from '../src/config.js'

declare module 'fastify' {
  interface FastifyInstance {
    config: Config
  }
}

export interface ConfigPluginOptions {
  /** Given by an application that embeds the server; without them the environment and `.env` are read. */
  readonly settings?: Partial<Config>
}

export default fp<ConfigPluginOptions>(
  async (fastify, { settings }) => {
    fastify.decorate('config', settings === undefined ? loadConfig() : parseConfig(settings))
  },
  { name: 'config' }
)
