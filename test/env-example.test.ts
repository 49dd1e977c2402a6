import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { parseEnv } from 'node:util'
import type { TSchema } from '@sinclair/typebox'
import t, { type Test } from 'tap'
import { ConfigError, loadConfig, parseConfig, settingGroups, settings } from '../src/config.js'
import { errorTable } from '../src/errors.js'
import { closeReasons } from '../src/protocol/close-codes.js'
import { root } from './support/root.js'

const example = readFileSync(path.join(root, '.env.example'), 'utf8')
const readme = readFileSync(path.join(root, 'README.md'), 'utf8')
const key = 'a-key-of-the-backend'
const sha256 = (text = '') => createHash('sha256').update(text).digest('hex')
const tokens = { JWT_SECRET: 'x'.repeat(32) }

const head = `# Settings of Roomcast. Copy this file to .env and take the # away from the lines that you change.
# What stands in the environment wins over the file. An empty value counts as absent.
# A line shows the default, or, where there is none, an example. Times are in seconds unless the name says otherwise.
`

/** `.env.example` as the schema wants it. */
function expectedExample(): string {
  const groups = Object.entries(settingGroups).map(([title, group]) => {
    const lines = Object.entries<TSchema>(group).map(([name, setting]) => {
      const { default: value, examples = [], description } = setting
      const comment = `${description}${value === undefined ? ' No default; an example:' : ''}`
      return `\n${wrapped(comment)}#${name}=${value ?? examples[0]}\n`
    })
    return `\n# ---- ${title} ----\n${lines.join('')}`
  })
  return head + groups.join('')
}

/** Comment lines of at most 120 letters. */
function wrapped(text: string): string {
  let line = '#'
  let lines = ''
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > 120) {
      lines += `${line}\n`
      line = '#'
    }
    line += ` ${word}`
  }
  return `${lines}${line}\n`
}

/** The settings' table of the README as the schema wants it. */
function expectedTable(): string {
  const rows = Object.entries(settingGroups).flatMap(([title, group]) => [
    `| **${title}** | | |`,
    ...Object.entries<TSchema>(group).map(([name, { default: value, description }]) => {
      return `| \`${name}\` | ${value === undefined ? 'none' : `\`${value}\``} | ${description} |`
    })
  ])
  return ['| setting | default | what it is for |', '| --- | --- | --- |', ...rows, ''].join('\n')
}

/** Fails where the settings are taken, or where the message is not one line that begins with `name`. */
function refuses(t: Test, values: Record<string, unknown>, name: string): string {
  let message = ''
  try {
    parseConfig(values)
    t.fail(`${JSON.stringify(values)} is refused`)
  } catch (error) {
    message = (error as Error).message
    t.ok(error instanceof ConfigError, `${JSON.stringify(values)} is refused: ${message}`)
    t.match(message, new RegExp(`^${name}\\b[^\\n]*$`))
  }
  return message
}

/** An env file with this text; removed with the test. */
function envFile(t: Test, text: string): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'roomcast-env-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = path.join(folder, '.env')
  writeFileSync(file, text)
  return file
}

/** The environment with these values until the test ends; undefined takes one away. */
function setEnvironment(t: Test, values: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(values)) {
    const former = process.env[name]
    t.teardown(() => put(name, former))
    put(name, value)
  }
}

function put(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}

t.test('.env.example shows every setting as the schema has it', async (t) => {
  t.equal(example, expectedExample())
})

t.test('the README lists every setting as the schema has it', async (t) => {
  t.ok(readme.includes(expectedTable()), `README.md holds this table:\n\n${expectedTable()}`)
})

t.test('the README lists every error and close code', async (t) => {
  for (const [code, { status }] of Object.entries(errorTable)) t.match(readme, `| \`${code}\` | ${status} |`, code)
  for (const [code, reason] of Object.entries(closeReasons)) t.match(readme, `| ${code} | `, reason)
})

t.test('the README gives the promise word for word', async (t) => {
  const text = readme.replaceAll(/\n(?:> )?/g, ' ')
  t.match(
    text,
    'per channel one order for all; every acknowledged message reaches every receiver that stays or comes back within ' +
      'the retention, at least once, and exactly once after the filter by (epoch, offset); in every other case the ' +
      'receiver is told (`gap`, `reset`); an acknowledgement names how durable it is (`memory`, `disk`, `redis`, ' +
      '`replicated`). The retention is the shorter of size and age of the channel.'
  )
})

t.test('.env.example gives the defaults, with its comments and with all of them taken away', async (t) => {
  t.same(parseEnv(example), {})
  const shown = parseEnv(example.replaceAll(/^#(?=[A-Z_]+=)/gm, ''))
  t.same(Object.keys(shown).sort(), Object.keys(settings).sort())
  const withDefault = Object.entries(shown).filter(([name]) => settings[name]?.default !== undefined)
  const parsed = parseConfig(Object.fromEntries(withDefault))
  t.same(parsed, parseConfig({}))
  for (const [name, value] of Object.entries(parsed)) t.equal(value, settings[name]?.default, name)
  t.doesNotThrow(() => parseConfig(shown), 'the examples are valid too')
})

t.test('numbers are whole', async (t) => {
  for (const [text, value] of [
    ['0', 0],
    ['5', 5],
    [' 5 ', 5],
    ['2147483647', 2_147_483_647]
  ] as const) {
    t.equal(parseConfig({ HISTORY_SIZE: text }).HISTORY_SIZE, value, JSON.stringify(text))
  }
  const wrong = ['1.5', '1e3', '0x10', 'abc', '-1', '5n', '1 000', '1_000', 'NaN', 'Infinity', 'true', '2147483648']
  for (const text of [...wrong, '99999999999999999999', 1.5, -1, true, Number.NaN]) {
    refuses(t, { HISTORY_SIZE: text }, 'HISTORY_SIZE')
  }
  t.match(refuses(t, { PORT: '65536' }, 'PORT'), /from 0 to 65535/)
  t.match(refuses(t, { STATS_INTERVAL: '0' }, 'STATS_INTERVAL'), /from 1 to 2147483647/)
})

t.test('switches are true or false', async (t) => {
  t.equal(parseConfig({ METRICS_PUBLIC: 'true' }).METRICS_PUBLIC, true)
  t.equal(parseConfig({ METRICS_PUBLIC: 'false' }).METRICS_PUBLIC, false)
  for (const text of ['yes', 'no', 'on', 'abc', '2', 2]) {
    t.match(refuses(t, { METRICS_PUBLIC: text }, 'METRICS_PUBLIC'), /true or false/)
  }
})

t.test('texts have the form that they are needed in', async (t) => {
  for (const values of [
    { LOG_LEVEL: 'loud' },
    { REDIS_URL: 'http://127.0.0.1' },
    { REDIS_URL: '127.0.0.1:6379' },
    { REDIS_PREFIX: '{room}' },
    { REDIS_PREFIX: 'x'.repeat(65) },
    { API_KEYS: 'short' },
    { API_KEYS: `root:${key}` },
    { API_KEYS: `${key},with blanks in it` },
    { API_KEYS: 'sha256:12' },
    { ALLOWED_ORIGINS: 'https://*.example.com' },
    { ALLOWED_ORIGINS: '*' },
    { ALLOWED_ORIGINS: 'https://app.example.com/path' },
    { ALLOWED_ORIGINS: 'https://user@app.example.com' }
  ]) {
    refuses(t, values, Object.keys(values)[0] as string)
  }
})

t.test('an empty value is an absent one', async (t) => {
  const names = Object.keys(settings)
  t.same(parseConfig(Object.fromEntries(names.map((name) => [name, '']))), parseConfig({}))
  t.equal(parseConfig({ API_KEYS: '' }).API_KEYS, undefined)
})

t.test('what tokens are checked with has to be good for that', async (t) => {
  for (const name of ['JWT_PUBLIC_KEY', 'JWT_JWKS_URL']) {
    const message = refuses(t, { [name]: 'not-to-be-shown' }, name)
    t.notMatch(message, 'not-to-be-shown')
    t.doesNotThrow(() => parseConfig({ [name]: '' }))
  }
  refuses(t, { JWT_JWKS_URL: 'ftp://id.example.com' }, 'JWT_JWKS_URL')
  refuses(t, { JWT_JWKS_URL: 'http://[' }, 'JWT_JWKS_URL')
  t.match(refuses(t, { DEFAULT_CAPABILITIES: '{"room:*":["read"]}' }, 'DEFAULT_CAPABILITIES'), 'operations')
  refuses(t, { DEFAULT_CAPABILITIES: '{' }, 'DEFAULT_CAPABILITIES')
  t.equal(parseConfig({ DEFAULT_CAPABILITIES: '{}' }).DEFAULT_CAPABILITIES, '{}')
})

t.test('nobody is let in from other machines by accident', async (t) => {
  for (const HOST of ['0.0.0.0', '::', '192.0.2.1', 'example.com', '127.0.0.1.example.com']) {
    t.match(refuses(t, { HOST }, 'HOST'), 'API_KEYS')
    t.match(refuses(t, { HOST, ALLOW_ANONYMOUS: 'true' }, 'HOST'), 'API_KEYS')
    t.match(refuses(t, { HOST, API_KEYS: key }, 'HOST'), 'ALLOW_ANONYMOUS')
    t.match(refuses(t, { HOST, API_KEYS: key }, 'HOST'), 'JWT_SECRET')
    t.match(refuses(t, { HOST, ...tokens }, 'HOST'), 'API_KEYS')
    t.match(refuses(t, { HOST, API_KEYS: key, JWT_SECRET: 'x'.repeat(31) }, 'HOST'), '32 bytes')
    t.match(refuses(t, { HOST, ALLOW_ANONYMOUS: 'true', API_KEYS: key, JWT_SECRET: 'short' }, 'HOST'), '32 bytes')
    t.equal(parseConfig({ HOST, API_KEYS: key, ALLOW_ANONYMOUS: 'true' }).HOST, HOST)
    t.equal(parseConfig({ HOST, API_KEYS: key, ...tokens }).HOST, HOST)
  }
  // A list without a key in it is as good as none.
  t.match(refuses(t, { HOST: '0.0.0.0', API_KEYS: ' , ', ALLOW_ANONYMOUS: 'true' }, 'HOST'), 'API_KEYS')
  for (const HOST of ['127.0.0.1', '127.0.0.2', '::1', 'localhost']) t.equal(parseConfig({ HOST }).HOST, HOST)
})

t.test('the secrets of the examples are for loopback only', async (t) => {
  const {
    API_KEYS: keys,
    JWT_SECRET: secret,
    JWT_PUBLIC_KEY: publicKey
  } = parseEnv(example.replaceAll(/^#(?=[A-Z_]+=)/gm, ''))
  const HOST = '0.0.0.0'
  const bare = String(keys).split(':')[1]
  for (const API_KEYS of [keys, bare, `${key},${keys}`, `${key}, admin:${bare}`, `sha256:${sha256(bare)}`]) {
    t.match(refuses(t, { HOST, API_KEYS, ...tokens }, 'HOST'), 'API_KEYS is still the example')
    t.equal(parseConfig({ API_KEYS }).API_KEYS, API_KEYS)
  }
  t.match(refuses(t, { HOST, API_KEYS: key, JWT_SECRET: secret }, 'HOST'), 'JWT_SECRET is still the example')
  t.match(refuses(t, { HOST, API_KEYS: key, JWT_PUBLIC_KEY: publicKey }, 'HOST'), 'JWT_PUBLIC_KEY is still the example')
})

t.test('secrets are not repeated', async (t) => {
  for (const [name, value] of [
    ['API_KEYS', 'hunter2'],
    ['API_KEYS', 'hunter2:a-long-enough-key'],
    ['JWT_PUBLIC_KEY', '-----BEGIN PRIVATE KEY-----hunter2'],
    ['REDIS_URL', 'http://user:hunter2@127.0.0.1']
  ] as const) {
    t.notMatch(refuses(t, { [name]: value }, name), 'hunter2')
  }
  t.notMatch(refuses(t, { HOST: '0.0.0.0', API_KEYS: key, JWT_SECRET: 'hunter2' }, 'HOST'), 'hunter2')
})

t.test('settings come from the file and the environment, and the environment wins', async (t) => {
  setEnvironment(t, { HISTORY_SIZE: '7', HISTORY_TTL: undefined, METRICS_PUBLIC: undefined })
  const file = envFile(t, 'HISTORY_SIZE=5\nHISTORY_TTL=6 # seconds\nMETRICS_PUBLIC="true"\nJWT_SECRET=\n')
  const config = loadConfig(file)
  t.match(config, { HISTORY_SIZE: 7, HISTORY_TTL: 6, METRICS_PUBLIC: true })
})

t.test('a line in the file that sets nothing stops the start, by its number', async (t) => {
  for (const [text, line] of [
    ['HISTORY_SIZE 5\n', 1],
    ['HISTORY_SIZE=5\n\n# a comment\nhunter2', 4],
    ['JWT_PUBLIC_KEY="a\nb"\nhunter2\n', 3],
    ['=5\n', 1],
    // What the parser of Node takes for a part of the next name.
    ['  # a comment\nHISTORY_SIZE=5\n', 1]
  ] as const) {
    const file = envFile(t, text)
    const message = `${file}: line ${line} is neither NAME=value nor a comment`
    t.throws(() => loadConfig(file), { constructor: ConfigError, message })
  }
})

t.test('lines are written as dotenv takes them', async (t) => {
  setEnvironment(t, {
    HISTORY_SIZE: undefined,
    REDIS_PREFIX: undefined,
    JWT_ISSUER: undefined,
    JWT_AUDIENCE: undefined
  })
  const lines = [
    '# it\'s a "comment"',
    " export HISTORY_SIZE = 5 # it's",
    "REDIS_PREFIX='a' # b",
    '',
    'JWT_ISSUER="a',
    '#b',
    'c"'
  ]
  for (const end of ['\n', '\r\n']) {
    const config = loadConfig(envFile(t, [...lines, 'JWT_AUDIENCE=`d`'].join(end)))
    t.match(config, { HISTORY_SIZE: 5, REDIS_PREFIX: 'a', JWT_AUDIENCE: 'd' })
    t.match(config.JWT_ISSUER, /^a\r?\n#b\r?\nc$/)
  }
})

t.test('no file is needed', async (t) => {
  setEnvironment(t, { HISTORY_SIZE: undefined })
  t.equal(loadConfig(path.join(os.tmpdir(), 'roomcast-no-such-file')).HISTORY_SIZE, 1000)
})

t.test('a file that cannot be read is named', async (t) => {
  t.throws(() => loadConfig(os.tmpdir()), { constructor: ConfigError, message: /cannot be read/ })
})

t.test('a name in the file that is no setting stops the start', async (t) => {
  for (const name of ['HISTORY_SIZES', 'history_size', 'TOKEN_IN_QUERYS', 'constructor']) {
    const file = envFile(t, `HISTORY_SIZE=5\n${name}=hunter2\n`)
    t.throws(() => loadConfig(file), { constructor: ConfigError, message: `${name}: no such setting (in ${file})` })
  }
  setEnvironment(t, { NO_SETTING_OF_OURS: '1' })
  t.doesNotThrow(() => loadConfig(envFile(t, '')), 'the environment may have anything')
})
