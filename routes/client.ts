import type { FastifyPluginAsync } from 'fastify'
import { RoomcastError } from '../src/errors.js'
import { readClientModules } from '../src/page/client-modules.js'

const headers = {
  'content-type': 'text/javascript; charset=utf-8',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-cache'
}

/** The modules of `@roomcast/client`, which the page imports; other pages of this origin may, too. */
const client: FastifyPluginAsync = async (fastify) => {
  let modules: ReturnType<typeof readClientModules> | undefined

  fastify.route<{ Params: { file: string } }>({
    method: 'GET',
    url: '/client/:file',
    schema: { hide: true },
    config: { scope: 'public' },
    handler: async ({ params }, reply) => {
      // Names are looked up, never resolved: no path leads out of the folder.
      modules ??= readClientModules()
      const text = (await modules).get(params.file)
      if (text === undefined) throw new RoomcastError('not_found')
      return reply.headers(headers).send(text)
    }
  })
}

export default client
