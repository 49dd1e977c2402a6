import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Scope, scopes } from './auth/api-keys.js'
import { parseCapabilities } from './auth/capabilities.js'
import { newApiKey } from './auth/new-api-key.js'
import { parsePrivateKey, parseSecret } from './auth/token-keys.js'
import { signToken } from './auth/token-signer.js'
import { systemClock } from './clock.js'
import { type Config, ConfigError, loadConfig } from './config.js'
import { isId, isNamedUser } from './protocol/ids.js'
import { systemRandom } from './random.js'
import { version } from './version.js'

/** What a command writes: `out` is for the next program, `err` for people. */
export interface Output {
  out(text: string): void
  err(text: string): void
}

/** The command was given in a wrong way; its message is one line. */
class UsageError extends Error {}

const HELP = `Usage: roomcast [COMMAND]

Without a command the server runs, with the settings of the environment and of .env.

  roomcast key [--scopes publish+read+admin]
      Makes a key for a backend: prints the key, and below it the entry for API_KEYS,
      which has only its hash. Without --scopes it is for all of them.

  roomcast token --user ID [--ttl 1h] [--capabilities JSON] [--id ID]
                 [--key-file FILE [--key-id KID]]
      Signs a token for a user with JWT_SECRET, or with a private key in PEM, and prints it.
      --ttl           how long it is valid: 30s, 15m, 1h, 7d; 30d at most
      --capabilities  its rights, such as '{"room:chat/*":["join","publish"]}';
                      DEFAULT_CAPABILITIES without
      --id            its jti, by which it can be revoked; a random one without

  roomcast --help, --version
`
const TTL_MS_MAX = 30 * 86_400_000
const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const commands: Readonly<Record<string, (args: string[], output: Output) => Promise<void> | void>> = {
  key: makeKey,
  token: makeToken
}

/** Runs a command of the bin. Answers its exit code: 1 where it failed, 2 where it was given in a wrong way. */
export async function run([name = '', ...args]: readonly string[], output: Output): Promise<number> {
  try {
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined
    if (name === '--help' || name === '-h' || args.includes('--help')) output.out(HELP)
    else if (name === '--version') output.out(`${version}\n`)
    else if (command === undefined)
      throw new UsageError(`${name}: no such command; roomcast --help tells what there is`)
    else await command(args, output)
    return 0
  } catch (error) {
    const { message, code = '' } = error as NodeJS.ErrnoException
    const [line] = message.split('\n')
    output.err(`roomcast: ${line}\n`)
    return error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS') ? 2 : 1
  }
}

function makeKey(args: string[], { out, err }: Output): void {
  const { values } = parseArgs({ args, options: { scopes: { type: 'string' } } })
  const { key, entry } = newApiKey(systemRandom, values.scopes === undefined ? [] : parseScopes(values.scopes))
  out(`${key}\n${entry}\n`)
  err('roomcast: the first line is for the backend and is shown only now, the second is for API_KEYS\n')
}

async function makeToken(args: string[], { out }: Output): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      user: { type: 'string' },
      ttl: { type: 'string', default: '1h' },
      capabilities: { type: 'string' },
      id: { type: 'string' },
      'key-file': { type: 'string' },
      'key-id': { type: 'string' }
    }
  })
  const { user: userId = '', id: tokenId = systemRandom.uuid(), 'key-file': keyFile, 'key-id': keyId } = values
  if (!isNamedUser(userId)) throw new UsageError('--user: 1 to 128 bytes without control characters, not anonymous:…')
  if (!isId(tokenId)) throw new UsageError('--id: 1 to 128 bytes without control characters')
  const capabilities = values.capabilities === undefined ? undefined : parseRights(values.capabilities)
  const issuedAt = systemClock.now()
  const expiresAt = issuedAt + parseTtl(values.ttl)
  const config = loadConfig()
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = config
  const claims = { userId, tokenId, issuedAt, expiresAt, capabilities, issuer, audience, keyId }
  out(`${await signToken(claims, keyFile === undefined ? secretOf(config) : readPrivateKey(keyFile))}\n`)
}

function parseScopes(list: string): Scope[] {
  return list.split('+').map((name) => {
    const scope = scopes.find((known) => known === name)
    if (scope === undefined) throw new UsageError(`--scopes: there are ${scopes.join(', ')}, joined by +`)
    return scope
  })
}

function parseTtl(text: string): number {
  const [, digits = '', unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? []
  const ttlMs = Number(digits) * (unitMs[unit] ?? 0)
  if (ttlMs === 0 || ttlMs > TTL_MS_MAX) throw new UsageError('--ttl: such as 30s, 15m, 1h or 7d, and 30d at most')
  return ttlMs
}

function parseRights(text: string): unknown {
  try {
    parseCapabilities(text)
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`--capabilities: ${(error as Error).message}`)
  }
}

function secretOf({ JWT_SECRET: secret }: Config) {
  if (secret === undefined)
    throw new ConfigError('JWT_SECRET is not set: it signs tokens, or a private key in --key-file')
  return parseSecret(secret)
}

function readPrivateKey(file: string) {
  try {
    return parsePrivateKey(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new ConfigError(`--key-file: ${(error as Error).message}`)
  }
}
