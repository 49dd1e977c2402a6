import type { RedisOptions } from 'ioredis'
import { StoreOpenError } from '../store.js'
import { retryDelayMs } from './retry-delay.js'

/** `REDIS_URL` is not one; its message is one line, without anything of the text, which may be a secret. */
export class RedisUrlError extends StoreOpenError {
  constructor(problem: string) {
    super(`REDIS_URL: ${problem}`)
  }
}

/** Where Redis is, and who asks. */
export interface RedisPlace {
  readonly options: RedisOptions
  /** As it may be shown to people: without credentials. */
  readonly description: string
}

interface Parts {
  readonly isSentinel: boolean
  readonly isTls: boolean
  readonly credentials: string | undefined
  readonly hosts: readonly Host[]
  /** Between the slashes after the hosts, decoded. */
  readonly path: readonly string[]
  readonly parameters: ReadonlyMap<string, string>
}

interface Host {
  readonly host: string
  readonly port: number
}

const REDIS_PORT = 6379
const SENTINEL_PORT = 26_379

/** A Sentinel that says nothing for so long is passed over, and so is a master that cannot be reached. */
const SENTINEL_TIMEOUT_MS = 1000
const MASTER_TIMEOUT_MS = 2000

const forms =
  'expected redis://[USER:PASSWORD@]HOST[:PORT][/DB], or ' +
  'redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST…]/MASTER[/DB]; rediss for TLS'

/**
 * Reads `redis://[USER:PASSWORD@]HOST[:PORT][/DB]` and `redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST…]/MASTER[/DB]`,
 * `rediss…` for TLS. With Sentinel the hosts are the Sentinels, and the credentials those of Redis; where Sentinel asks
 * for some itself, `?sentinel_username=&sentinel_password=` give them. Everything may be percent-encoded. Throws
 * `RedisUrlError` for anything else.
 */
export function parseRedisUrl(url: string): RedisPlace {
  const parts = split(url)
  return parts.isSentinel ? sentinelPlace(parts) : serverPlace(parts)
}

function serverPlace({ isTls, credentials, hosts, path, parameters }: Parts): RedisPlace {
  const [place, ...others] = hosts
  if (place === undefined || others.length > 0) throw new RedisUrlError('several hosts are for redis+sentinel:// only')
  if (path.length > 1) throw new RedisUrlError(forms)
  refuseParameters(parameters, [])
  const db = dbOf(path[0])
  return {
    options: { ...place, db, ...loginOf(credentials), ...(isTls && { tls: {} }) },
    description: `${isTls ? 'rediss' : 'redis'}://${addressOf(place)}${suffix(db)}`
  }
}

function sentinelPlace({ isTls, credentials, hosts, path, parameters }: Parts): RedisPlace {
  const [name, dbText, ...rest] = path
  if (name === undefined || rest.length > 0) throw new RedisUrlError(`no name of the master; ${forms}`)
  refuseParameters(parameters, ['sentinel_username', 'sentinel_password'])
  const db = dbOf(dbText)
  const sentinels = hosts.map(addressOf).join(',')
  return {
    options: {
      sentinels: [...hosts],
      name,
      db,
      ...loginOf(credentials),
      ...sentinelLogin(parameters),
      ...(isTls && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
      connectTimeout: MASTER_TIMEOUT_MS,
      sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
      sentinelRetryStrategy: retryDelayMs
    },
    description: `${isTls ? 'rediss' : 'redis'}+sentinel://${sentinels}/${encodeURIComponent(name)}${suffix(db)}`
  }
}

/** No `URL` takes several hosts. */
function split(url: string): Parts {
  const [, scheme = '', authority = '', path = '', query = ''] =
    /^([a-z+]+):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?(.*))?$/is.exec(url) ?? []
  const [, tls, sentinel] = /^redis(s?)(\+sentinel)?$/i.exec(scheme) ?? []
  if (tls === undefined) throw new RedisUrlError(forms)
  if (/[@#]/.test(path + query)) {
    throw new RedisUrlError('characters such as / ? # @ in a name or a password have to be percent-encoded')
  }
  const end = authority.lastIndexOf('@')
  const isSentinel = sentinel !== undefined
  return {
    isSentinel,
    isTls: tls !== '',
    credentials: end === -1 ? undefined : authority.slice(0, end),
    hosts: authority
      .slice(end + 1)
      .split(',')
      .map((text) => hostOf(text, isSentinel ? SENTINEL_PORT : REDIS_PORT)),
    path: path.split('/').filter(Boolean).map(decode),
    parameters: new Map(new URLSearchParams(query))
  }
}

function hostOf(text: string, standardPort: number): Host {
  const [, ipv6, name, portText] = /^(?:\[([\da-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const host = ipv6 ?? name
  if (host === undefined) throw new RedisUrlError(`a host is missing or not valid; ${forms}`)
  const port = Number(portText ?? standardPort)
  if (port < 1 || port > 65_535) throw new RedisUrlError('a port is a number from 1 to 65535')
  return { host: decode(host), port }
}

function loginOf(credentials: string | undefined): { username?: string; password?: string } {
  if (credentials === undefined) return {}
  const [username = '', ...password] = credentials.split(':')
  if (password.length === 0)
    throw new RedisUrlError('a password is missing: USER:PASSWORD@, or :PASSWORD@ without a user')
  return { ...(username !== '' && { username: decode(username) }), password: decode(password.join(':')) }
}

function sentinelLogin(parameters: ReadonlyMap<string, string>): RedisOptions {
  const [sentinelUsername, sentinelPassword] = [
    parameters.get('sentinel_username'),
    parameters.get('sentinel_password')
  ]
  if (sentinelUsername !== undefined && sentinelPassword === undefined) {
    throw new RedisUrlError('sentinel_username needs sentinel_password')
  }
  return { ...(sentinelUsername && { sentinelUsername }), ...(sentinelPassword && { sentinelPassword }) }
}

function refuseParameters(parameters: ReadonlyMap<string, string>, known: readonly string[]): void {
  const unknown = [...parameters.keys()].find((name) => !known.includes(name))
  if (unknown === undefined) return
  const expected = known.length === 0 ? 'none is expected' : `expected are ${known.join(' and ')}`
  throw new RedisUrlError(`unknown parameter after the question mark; ${expected}`)
}

function dbOf(text = '0'): number {
  if (!/^\d{1,6}$/.test(text)) throw new RedisUrlError('the database at the end is a number')
  return Number(text)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new RedisUrlError('a % is not followed by two hexadecimal digits of UTF-8')
  }
}

function addressOf({ host, port }: Host): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function suffix(db: number): string {
  return db === 0 ? '' : `/${db}`
}
