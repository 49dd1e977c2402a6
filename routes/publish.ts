import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { RoomcastError } from '../src/errors.js'
import { encodeContent } from '../src/http/content.js'
import { messageIdOf } from '../src/http/idempotency.js'
import {
  BatchBody,
  BatchItem,
  BatchResults,
  BroadcastAccepted,
  BroadcastBody,
  IdempotencyHeaders
} from '../src/http/schemas.js'
import { createValidator } from '../src/protocol/validation.js'

const BATCH_BYTES_MAX = 4_194_304
const ONE_TARGET = 'expected exactly one of room, user and group'
const TYPE_OF_ROOM = 'type: only together with room'
const validateItem = createValidator(BatchItem)

interface Target {
  readonly room?: string
  readonly type?: string
  readonly user?: string
  readonly group?: string
}

interface Draft {
  /** JSON text. */
  readonly content: string
  readonly userId: string | null
  readonly messageId: string
}

const publish: FastifyPluginAsyncTypebox = async (fastify) => {
  const { broadcasts, clock, config, groups, inbox, random, requestTime, rooms, reportFailure } = fastify
  const bytesMax = config.MAX_MESSAGE_BYTES
  const scope = { config: { scope: 'publish' } } as const

  const broadcastSchema = { headers: IdempotencyHeaders, body: BroadcastBody, response: { 202: BroadcastAccepted } }
  fastify.post('/broadcast', { ...scope, schema: broadcastSchema }, async (request, reply) => {
    const { body, headers } = request
    const content = encodeContent(body.content, bytesMax)
    const sent = await broadcasts.send({
      content,
      messageId: request.nameMessage(messageIdOf(body.message_id, headers['idempotency-key'])),
      exclude: body.exclude
    })
    reply.code(202)
    return sent
  })

  const batchSchema = { body: BatchBody, response: { 200: BatchResults } }
  const batchOptions = {
    config: { ...scope.config, boundsItself: true },
    bodyLimit: BATCH_BYTES_MAX,
    schema: batchSchema
  }
  fastify.post('/publish', batchOptions, async ({ body }) => {
    // Begun in order: what goes to one room is stored in the order of the items.
    const batch = {}
    return { results: await Promise.all(body.items.map((item) => publishItem(item, batch))) }
  })

  async function publishItem(item: unknown, batch: object): Promise<object> {
    try {
      const { content: value, user_id: userId = null, message_id: given, ...target } = validateItem(item)
      const messageId = given ?? random.timeUuid(clock.now())
      const draft = { content: encodeContent(value, bytesMax), userId, messageId }
      return await requestTime.bound(publishTo(target, draft, batch), () => messageId)
    } catch (error) {
      if (!(error instanceof RoomcastError)) reportFailure(error)
      const failure = error instanceof RoomcastError ? error : new RoomcastError('internal')
      const { code, message, messageId, retryAfterMs } = failure
      return { code, message, message_id: messageId, retry_after_ms: retryAfterMs }
    }
  }

  async function publishTo(target: Target, { userId, ...message }: Draft, batch: object): Promise<object> {
    const { room, user, group } = target
    const type = rooms.families.typeNamed(target.type)
    if ([room, user, group].filter((id) => id !== undefined).length !== 1) {
      throw new RoomcastError('invalid_message', { message: ONE_TARGET })
    }
    if (room !== undefined) return await rooms.publish({ room, type, userId, ...message, batch })
    if (type !== undefined) throw new RoomcastError('invalid_message', { message: TYPE_OF_ROOM })
    if (group !== undefined) return await groups.publish({ group, from: userId, ...message })
    const to = user ?? ''
    const { published, online } = await inbox.send({ to, from: userId, ...message })
    return { user_id: to, ...published, online }
  }
}

export default publish
