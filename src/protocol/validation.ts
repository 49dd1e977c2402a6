import type { Static, TSchema } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler, type ValueError } from '@sinclair/typebox/compiler'
import { RoomcastError } from '../errors.js'
import { isIdFormat } from './ids.js'

/** Returns the value as the schema's type, or throws `invalid_id` or `invalid_message`, naming the field. */
export type Validator<T extends TSchema> = (value: unknown) => Static<T>

/** Compiles a schema once into a validator. */
export function createValidator<T extends TSchema>(schema: T): Validator<T> {
  const check = TypeCompiler.Compile(schema)
  return (value) => {
    if (check.Check(value)) return value
    throw failureOf(check, value)
  }
}

function failureOf(check: TypeCheck<TSchema>, value: unknown): RoomcastError {
  const error = check.Errors(value).First()
  if (error === undefined) return new RoomcastError('invalid_message')
  const field = error.path.slice(1).replaceAll('/', '.')
  if (isIdFormat(error.schema.format) && typeof error.value === 'string') {
    return new RoomcastError('invalid_id', { message: `${field}: not a valid id` })
  }
  return new RoomcastError('invalid_message', { message: describe(error, field) })
}

function describe(error: ValueError, field: string): string {
  const text = error.message.charAt(0).toLowerCase() + error.message.slice(1)
  return field === '' ? text : `${field}: ${text}`
}
