import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { Online } from '../src/http/schemas.js'
import { Sample } from '../src/stats/sample.js'

const stats: FastifyPluginAsyncTypebox = async (fastify) => {
  const { config, metricsRegistry, stats, store } = fastify
  const read = { config: { scope: 'read' } } as const

  fastify.get('/online', { ...read, schema: { response: { 200: Online } } }, async () => {
    const [{ users, rooms }, { nodes, connections }] = await Promise.all([store.presence.totals(), store.nodes.count()])
    return { connections, users, rooms, nodes }
  })
  fastify.get('/stats', { ...read, schema: { response: { 200: Sample } } }, async () => stats.now())
  fastify.get('/stats/history', { ...read, schema: { response: { 200: Type.Array(Sample) } } }, async () => [
    ...stats.history()
  ])

  const metricsConfig = { scope: config.METRICS_PUBLIC ? 'public' : 'read' } as const
  const metricsSchema = { response: { 200: Type.String({ description: 'Prometheus text' }) } }
  fastify.get('/metrics', { config: metricsConfig, schema: metricsSchema }, async (_request, reply) => {
    return reply.type(metricsRegistry.contentType).send(await metricsRegistry.metrics())
  })
}

export default stats
