import { isIP } from 'node:net'
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { findApiKey, parseApiKeys } from './auth/api-keys.js'
import { parseCapabilities } from './auth/capabilities.js'
import { isWeakSecret, parsePublicKey, SECRET_BYTES_MIN } from './auth/token-keys.js'
import { readEnvFile } from './env-file.js'

const NUMBER_MAX = 2_147_483_647
const EXAMPLE_KEY = 'replace-me-with-a-random-key'

function number(defaultValue: number, description: string, minimum = 0, maximum = NUMBER_MAX) {
  return Type.Integer({ default: defaultValue, minimum, maximum, description })
}

/** Where what it is without it follows from others. */
function optionalNumber(example: number, description: string) {
  return Type.Optional(Type.Integer({ minimum: 0, maximum: NUMBER_MAX, examples: [example], description }))
}

function text(description: string, options: { default?: string; pattern?: string; examples?: string[] } = {}) {
  return Type.String({ description, ...options })
}

function flag(description: string) {
  return Type.Boolean({ default: false, description })
}

/**
 * Every setting with its default, its unit and a line of why. The groups are those of `.env.example`. Times are in
 * seconds unless the name says otherwise.
 */
export const settingGroups = {
  'Where it listens': {
    HOST: text('Address to listen on. Anything but loopback asks for API_KEYS, and for JWT_… or ALLOW_ANONYMOUS.', {
      default: '127.0.0.1'
    }),
    PORT: number(8765, 'Port to listen on; 0 takes a free one.', 0, 65_535),
    TRUST_PROXY: Type.Optional(
      text('Addresses of proxies (comma separated, CIDR allowed) whose X-Forwarded-For is believed.', {
        examples: ['127.0.0.1,10.0.0.0/8']
      })
    ),
    LOG_LEVEL: Type.Union(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((level) => Type.Literal(level)),
      { default: 'info', description: 'fatal, error, warn, info, debug, trace or silent.' }
    )
  },
  'Where messages are kept': {
    REDIS_URL: Type.Optional(
      text(
        'One Redis for many nodes: redis://[USER:PASSWORD@]HOST[:PORT][/DB], or ' +
          'redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST…]/MASTER[/DB]; rediss for TLS. Without it the embedded ' +
          'store is used.',
        {
          pattern: '^rediss?(\\+sentinel)?://.+',
          examples: ['redis://127.0.0.1:6379']
        }
      )
    ),
    REDIS_PREFIX: text(
      'Begins every key and topic, so that several clusters can share a Redis: 1 to 64 of A-Z a-z 0-9 _ . : -.',
      {
        default: 'roomcast',
        pattern: '^[A-Za-z0-9_.:-]{1,64}$'
      }
    ),
    DATA_DIR: text('Folder of the embedded store, one for each process; "memory" keeps nothing.', {
      default: './data',
      pattern: '^.+$'
    }),
    HISTORY_SIZE: number(1000, 'Newest messages that a room keeps.'),
    HISTORY_TTL: number(86_400, 'Seconds that a room keeps a message.'),
    INBOX_SIZE: number(1000, 'Newest messages that an inbox or a group keeps.'),
    INBOX_TTL: number(604_800, 'Seconds that an inbox or a group keeps a message, and a device unused.', 1),
    IDEMPOTENCY_TTL: number(300, 'Seconds in which a message_id is accepted once.', 1)
  },
  'Who may connect': {
    JWT_SECRET: Type.Optional(
      text(
        'Secret that tokens of users are signed with (HS256, HS384, HS512): 32 bytes or more, fewer on loopback only. ' +
          'Without any of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL everybody may use any name (open mode).',
        { examples: ['replace-me-with-a-random-secret-of-32-bytes'] }
      )
    ),
    JWT_PUBLIC_KEY: Type.Optional(
      text(
        'Public key in PEM that tokens are checked with: RSA (RS, PS), P-256, P-384, P-521 (ES) or Ed25519 (EdDSA). ' +
          '\\n may stand for its line breaks.',
        {
          examples: [
            '-----BEGIN PUBLIC KEY-----\\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\\n-----END PUBLIC KEY-----'
          ]
        }
      )
    ),
    JWT_JWKS_URL: Type.Optional(
      text('Address (https://… or http://…) of a JSON Web Key Set with the public keys of whoever issues the tokens.', {
        pattern: '^https?://.+',
        examples: ['https://id.example.com/.well-known/jwks.json']
      })
    ),
    JWT_ISSUER: Type.Optional(
      text('What the claim iss of a token has to be. Unset: not looked at.', { examples: ['https://id.example.com'] })
    ),
    JWT_AUDIENCE: Type.Optional(
      text('What the claim aud of a token has to be or to hold. Unset: not looked at.', { examples: ['roomcast'] })
    ),
    DEFAULT_CAPABILITIES: text('Rights of a token without the claim roomcast: JSON, operations by pattern.', {
      default: '{"room:*":["*"],"user:*":["direct"],"group:*":["publish","history"]}'
    }),
    TOKEN_IN_QUERY: flag('Takes a token in ?token=, too. Addresses end up in logs: better not.'),
    API_KEYS: Type.Optional(
      text(
        'Keys of backends (comma separated): KEY for all scopes, or scope+scope:KEY with publish, read, admin; ' +
          'sha256:HEX may stand for the key. 16 or more of A-Z a-z 0-9 _ -.',
        { examples: [`publish+read:${EXAMPLE_KEY}`] }
      )
    ),
    ALLOW_ANONYMOUS: flag('Lets anyone in under any user name beyond loopback. Needs API_KEYS as well.'),
    ALLOWED_ORIGINS: Type.Optional(
      text("Web origins (comma separated) whose pages may connect. Unset: only the server's own host.", {
        examples: ['https://app.example.com,https://admin.example.com']
      })
    ),
    MAX_CONNECTIONS: number(10_000, 'Connections of this node; more are answered 503.'),
    MAX_CONNECTIONS_PER_IP: number(0, 'Connections of one address; 0 for no limit. More are answered 429.'),
    MAX_CONNECTIONS_PER_USER: number(
      0,
      'Connections of one user, on all nodes; 0 for no limit. More are answered 429.'
    ),
    HANDSHAKES_PER_SECOND: number(
      0,
      'Fresh connections that this node takes a second, or twice as many that come back; 0 for no limit. More get 503.'
    )
  },
  'What one connection may do': {
    MAX_ROOMS_PER_CONNECTION: number(128, 'Rooms that one connection may be in.'),
    MAX_GROUPS_PER_USER: number(100, 'Groups that one user may be in.', 1),
    MAX_MESSAGE_BYTES: number(65_536, 'Bytes of one message.', 1),
    RATE_LIMIT_PER_SECOND: number(
      100,
      'Messages a second of one connection, on average; 0 for no limit, and none of the following.'
    ),
    RATE_LIMIT_BURST: number(200, 'Messages of one connection at once.', 1),
    RATE_LIMIT_BYTES_PER_SECOND: number(
      0,
      'Bytes a second of its messages, on average, and twice as many at once; 0 for no limit but that of messages.'
    ),
    RATE_LIMIT_DELIVERIES_PER_SECOND: optionalNumber(
      100_000,
      'Deliveries a second that its publishes come to on this node, and twice as many at once; 0 for no limit. ' +
        'Unset: a thousand for each message of RATE_LIMIT_PER_SECOND.'
    ),
    RATE_LIMIT_USER_FACTOR: optionalNumber(
      10,
      'As how many connections one user may do with all of theirs, on all nodes together; 0 for no limit. ' +
        'Unset: 10 where users have tokens, else 0.'
    ),
    RATE_LIMIT_IP_FACTOR: number(
      0,
      'As how many connections one address may do with all of its own on this node; 0 for no limit.'
    ),
    SLOW_CONSUMER_BYTES: number(1_048_576, 'Bytes waiting for one connection before it reads from the log.'),
    MAX_BUFFERED_BYTES: number(
      536_870_912,
      'Bytes waiting for all connections of this node before those with most of them are closed; 0 for no limit.'
    )
  },
  'On the way to the clients': {
    BATCH_DELAY_MS: number(
      0,
      'Milliseconds that a message may wait for others of its room, to go out with them; one that is alone does not wait.',
      0,
      10_000
    ),
    COMPRESSION: flag('Deflates messages over 1 KB, and joined ones, for clients that offer permessage-deflate.')
  },
  'Families of rooms': {
    ROOMS_MODULE: Type.Optional(
      text('ES module whose default export is a list of defineRoom(…), by its path from the working directory.', {
        examples: ['./rooms.js']
      })
    )
  },
  'Signs of life': {
    HEARTBEAT_INTERVAL: number(20, 'Seconds between two pings.', 1),
    HEARTBEAT_TIMEOUT: number(60, 'Seconds without a sign of life before a connection is closed.', 1),
    SESSION_TTL: number(120, 'Seconds that a session waits for its client after an unclean close.'),
    PRESENCE_GRACE: number(10, 'Seconds after an unclean close before the others hear that a user left.'),
    PRESENCE_EVENTS_MAX: number(200, 'Users in a room up to which members hear names instead of counts.')
  },
  'The end of a node': {
    DRAIN_SECONDS: number(
      10,
      'Seconds over which a node that ends sends its clients to others (Redis only); 0: at once.'
    )
  },
  Monitoring: {
    STATS_INTERVAL: number(10, 'Seconds between two samples of /stats/history.', 1),
    STATS_HISTORY: number(100, 'Samples that are kept.', 1),
    METRICS_PUBLIC: flag('Serves /metrics without a key.')
  }
} as const

const schema = Type.Object(Object.assign({}, ...Object.values(settingGroups)) as FlatSettings)

type Groups = typeof settingGroups
type UnionToIntersection<U> = (U extends unknown ? (group: U) => void : never) extends (all: infer I) => void
  ? I
  : never
type FlatSettings = UnionToIntersection<Groups[keyof Groups]>

export type Config = Static<typeof schema>
/** All settings by name. */
export const settings: Readonly<Record<string, TSchema>> = schema.properties

/** A setting that stops the start; its message is one line for the operator. */
export class ConfigError extends Error {}

/**
 * Settings from text values, defaults for what is missing or empty. Throws `ConfigError`, naming the setting.
 * `HOST` beyond loopback is refused where anyone could come in.
 */
export function parseConfig(values: Readonly<Record<string, unknown>>): Config {
  const given = Object.entries(settings).map(([name, setting]) => [
    name,
    typedValue(setting, presentValue(values[name]))
  ])
  const config = Value.Default(schema, Object.fromEntries(given))
  const failure = Value.Errors(schema, config).First()
  if (failure !== undefined) throw new ConfigError(describeFailure(failure.path.slice(1), failure.value))
  checkTexts(config as Config)
  checkGuarded(config as Config)
  return config as Config
}

/** Settings from the environment and `.env`; the environment wins. The one reader of both. */
export function loadConfig(envFile = '.env'): Config {
  const fromFile = fromEnvFile(envFile)
  const unknown = Object.keys(fromFile).find((name) => !Object.hasOwn(settings, name))
  if (unknown !== undefined) throw new ConfigError(`${unknown}: no such setting (in ${envFile})`)
  const fromEnvironment = Object.entries(process.env).filter(([, value]) => presentValue(value) !== undefined)
  return parseConfig({ ...fromFile, ...Object.fromEntries(fromEnvironment) })
}

/** Whether users need a token. Else everybody is let in under any name. */
export function takesTokens({ JWT_SECRET, JWT_PUBLIC_KEY, JWT_JWKS_URL }: Config): boolean {
  return [JWT_SECRET, JWT_PUBLIC_KEY, JWT_JWKS_URL].some((given) => given !== undefined)
}

/** Names and addresses that reach only this machine. */
export function isLoopback(host: string): boolean {
  const name = host
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/i, '')
    .toLowerCase()
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)
}

/**
 * An origin as browsers write it: lower case, no default port, no slash at the end. Undefined for anything else, patterns
 * among it: a `*` would be taken for a part of the name.
 */
export function originOf(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isOrigin =
    url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/` && !url.host.includes('*')
  return isOrigin ? url.origin : undefined
}

/** Values of a comma separated list. */
export function listOf(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function fromEnvFile(file: string): Record<string, string | undefined> {
  try {
    return readEnvFile(file)
  } catch (error) {
    throw new ConfigError((error as Error).message)
  }
}

function presentValue(value: unknown): unknown {
  return value === '' ? undefined : value
}

/** The environment knows only text. */
function typedValue({ type }: TSchema, value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (type === 'integer' && /^\s*\d{1,10}\s*$/.test(value)) return Number(value)
  if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true'
  return value
}

/** Says what is expected; a value that may be a secret is not repeated. */
function describeFailure(name: string, value: unknown): string {
  const { description, minimum, maximum, type }: Partial<TSchema> = settings[name] ?? {}
  const shown = JSON.stringify(value)
  if (type === 'integer') return `${name}: expected a whole number from ${minimum} to ${maximum} instead of ${shown}`
  if (type === 'boolean') return `${name}: expected true or false instead of ${shown}`
  return `${name}: not valid. It is: ${description}`
}

function checkTexts(config: Config): void {
  check('API_KEYS', () => parseApiKeys(config.API_KEYS))
  check('DEFAULT_CAPABILITIES', () => parseCapabilities(config.DEFAULT_CAPABILITIES))
  check('JWT_PUBLIC_KEY', () => config.JWT_PUBLIC_KEY !== undefined && parsePublicKey(config.JWT_PUBLIC_KEY))
  check('JWT_JWKS_URL', () => config.JWT_JWKS_URL !== undefined && new URL(config.JWT_JWKS_URL))
  for (const proxy of listOf(config.TRUST_PROXY)) {
    if (!isAddressOrRange(proxy))
      throw new ConfigError(`TRUST_PROXY: ${proxy} is not an address or a range of addresses`)
  }
  for (const origin of listOf(config.ALLOWED_ORIGINS)) {
    if (originOf(origin) === undefined) {
      throw new ConfigError(`ALLOWED_ORIGINS: ${origin} is not an origin such as https://app.example.com`)
    }
  }
}

/** Its parsers name what is wrong, and repeat no secret. */
function check(name: string, parse: () => unknown): void {
  try {
    parse()
  } catch (error) {
    throw new ConfigError(`${name}: ${(error as Error).message}`)
  }
}

function isAddressOrRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  const inRange = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
  return family !== 0 && inRange && rest.length === 0
}

/** A setting that still has its example: whoever has read it could come in. */
function exampleIn(config: Config): string | undefined {
  if (findApiKey(parseApiKeys(config.API_KEYS), EXAMPLE_KEY) !== undefined) return 'API_KEYS'
  const names = ['JWT_SECRET', 'JWT_PUBLIC_KEY'] as const
  return names.find((name) => config[name] === settings[name]?.examples[0])
}

function checkGuarded(config: Config): void {
  if (isLoopback(config.HOST)) return
  const beyond = `HOST ${config.HOST} is reachable from other machines`
  if (parseApiKeys(config.API_KEYS).length === 0)
    throw new ConfigError(`${beyond}: set API_KEYS, so that not everybody can publish`)
  const example = exampleIn(config)
  if (example !== undefined) throw new ConfigError(`${beyond}: ${example} is still the example`)
  if (isWeakSecret(config.JWT_SECRET))
    throw new ConfigError(`${beyond}: JWT_SECRET needs ${SECRET_BYTES_MIN} bytes or more`)
  if (!config.ALLOW_ANONYMOUS && !takesTokens(config)) {
    const ways = 'JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL, or ALLOW_ANONYMOUS=true to let everybody in'
    throw new ConfigError(`${beyond} and no tokens are configured: set ${ways}`)
  }
}
