import type { TSchema } from '@sinclair/typebox'
import { createValidator } from '../protocol/validation.js'

interface RouteSchema {
  readonly schema: TSchema
  readonly httpPart?: string
}

/**
 * Fastify's validator compiler over the same checks as the socket's. Whole numbers of a query come as text; a body has
 * to be right as it is.
 */
export function validatorCompiler({ schema, httpPart }: RouteSchema) {
  const validate = createValidator(schema)
  return (data: unknown): { value: unknown } | { error: Error } => {
    try {
      return { value: validate(httpPart === 'querystring' ? withNumbers(schema, data) : data) }
    } catch (error) {
      return { error: error as Error }
    }
  }
}

function withNumbers({ properties }: TSchema, data: unknown): unknown {
  const fields = Object.entries(data as Record<string, unknown>).map(([name, value]) => {
    const wanted = properties?.[name]?.type === 'integer' && typeof value === 'string' && /^-?\d{1,16}$/.test(value)
    return [name, wanted ? Number(value) : value]
  })
  return Object.fromEntries(fields)
}
