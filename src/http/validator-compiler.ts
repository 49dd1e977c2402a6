import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { createValidator } from '../protocol/validation.js'

interface RouteSchema {
  readonly schema: TSchema
  readonly httpPart?: string
}

/**
 * Fastify's validator compiler over the same checks as the socket's. Texts of a query become what the schema asks
 * for; a body has to be right as it is.
 */
export function validatorCompiler({ schema, httpPart }: RouteSchema) {
  const validate = createValidator(schema)
  return (data: unknown): { value: unknown } | { error: Error } => {
    try {
      return { value: validate(httpPart === 'body' ? data : Value.Convert(schema, data)) }
    } catch (error) {
      return { error: error as Error }
    }
  }
}
