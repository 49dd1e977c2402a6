import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { RoomcastError } from '../src/errors.js'
import { KeptRevocation, MembersQueryString, RevocationBody, RevocationList } from '../src/http/schemas.js'
import { MEMBERS_LIMIT_DEFAULT } from '../src/protocol/commands.js'
import { formatTime } from '../src/protocol/pushes.js'
import type { KeptRevocation as Kept } from '../src/store/revocations.js'

const revocations: FastifyPluginAsyncTypebox = async (fastify) => {
  const { revocations } = fastify
  const config = { scope: 'admin' } as const

  const schema = { body: RevocationBody, response: { 201: KeptRevocation } }
  fastify.post('/revocations', { config, schema }, async ({ body }, reply) => {
    const { user_id: userId, token_id: tokenId, issued_before: before } = body
    if (userId === undefined && tokenId === undefined && before === undefined) {
      throw new RoomcastError('invalid_message', {
        message: 'user_id, token_id or issued_before: at least one of them'
      })
    }
    const issuedBefore = before === undefined ? undefined : Date.parse(before)
    const kept = await revocations.revoke({ userId, tokenId, issuedBefore })
    reply.code(201)
    return shown(kept)
  })

  const listSchema = { querystring: MembersQueryString, response: { 200: RevocationList } }
  fastify.get('/revocations', { config, schema: listSchema }, async ({ query }) => {
    const { limit = MEMBERS_LIMIT_DEFAULT, cursor } = query
    const page = await revocations.list({ limit, cursor })
    return { revocations: page.revocations.map(shown), next_cursor: page.nextCursor ?? null }
  })
}

function shown({ userId, tokenId, issuedBefore, expiresAt }: Kept) {
  return {
    ...(userId !== undefined && { user_id: userId }),
    ...(tokenId !== undefined && { token_id: tokenId }),
    ...(issuedBefore !== undefined && { issued_before: formatTime(issuedBefore) }),
    expires_at: formatTime(expiresAt)
  }
}

export default revocations
