import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify'
import fp from 'fastify-plugin'
import { RequestTime } from '../src/http/request-time.js'

declare module 'fastify' {
  interface FastifyInstance {
    requestTime: RequestTime
    /** `handler`, answered in time. It has to give its answer back, not to send it: it may be late. */
    inTime(handler: RouteHandlerMethod): RouteHandlerMethod
  }
  interface FastifyRequest {
    /** Of the message that it publishes, once it has a name. */
    messageId: string | undefined
    /** The id of its message, a fresh one where none is `given`: told also where the outcome is unknown. */
    nameMessage(given: string | undefined): string
  }
  interface FastifyContextConfig {
    /** It bounds its parts by itself. */
    boundsItself?: boolean
  }
}

export default fp(
  async (fastify) => {
    const { clock, random } = fastify
    const requestTime = new RequestTime(clock)
    fastify.decorate('requestTime', requestTime)
    fastify.decorate('inTime', (handler) => {
      return async function (request: FastifyRequest, reply: FastifyReply) {
        const answer = async () => await handler.call(this, request, reply)
        return await requestTime.bound(answer(), () => request.messageId)
      }
    })
    fastify.decorateRequest('messageId', undefined)
    fastify.decorateRequest('nameMessage', function (given) {
      this.messageId = given ?? random.timeUuid(clock.now())
      return this.messageId
    })
  },
  { name: 'request-time', dependencies: ['clock', 'random'] }
)
