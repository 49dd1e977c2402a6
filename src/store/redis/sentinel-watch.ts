import { Redis, type RedisOptions, type SentinelAddress } from 'ioredis'
import { type RedisConnections, renew } from './connections.js'
import { parseRedisUrl } from './redis-url.js'
import { retryDelayMs } from './retry-delay.js'

/** What Sentinel publishes once it knows a new master: `NAME OLD_HOST OLD_PORT HOST PORT`. */
const SWITCHED = '+switch-master'

interface Master {
  readonly host: string
  readonly port: number
}

/**
 * Hears from the Sentinels of `url` that the master is another one now, and lets go of the connections that speak to
 * another, or may do so: it may still be there and take what nobody will ever read. Each Sentinel is heard, as one may
 * still name the old master when the first names the new one; one that is away is tried again. Does nothing where `url`
 * is not of Sentinels. Gives a function that ends it.
 */
export function followMaster(connections: RedisConnections, url: string): () => void {
  const { options } = parseRedisUrl(url)
  const sentinels = (options.sentinels ?? []).map((address) =>
    hearSentinel(options, address, (master) => leaveOthers(connections, master))
  )
  return () => {
    for (const sentinel of sentinels) sentinel.disconnect()
  }
}

function leaveOthers(connections: RedisConnections, { host, port }: Master): void {
  for (const connection of Object.values(connections)) {
    const { remoteAddress, remotePort } = connection.stream
    if (remoteAddress !== host || remotePort !== port) renew(connection)
  }
}

function hearSentinel(place: RedisOptions, address: Partial<SentinelAddress>, onSwitch: (master: Master) => void) {
  const sentinel = new Redis(sentinelOptions(place, address))
  // Without a listener ioredis would print to the console.
  sentinel.on('error', () => {})
  sentinel.on('message', (_channel, text) => {
    const [name, , , host, port] = text.split(' ')
    if (name === place.name && host !== undefined) onSwitch({ host, port: Number(port) })
  })
  // Kept, and asked again after each reconnect; it rejects at the end only.
  sentinel.subscribe(SWITCHED).catch(() => {})
  return sentinel
}

function sentinelOptions(place: RedisOptions, address: Partial<SentinelAddress>): RedisOptions {
  const { sentinelUsername, sentinelPassword, sentinelTLS, connectTimeout } = place
  return {
    ...address,
    ...(sentinelUsername && { username: sentinelUsername }),
    ...(sentinelPassword && { password: sentinelPassword }),
    ...(sentinelTLS && { tls: sentinelTLS }),
    ...(connectTimeout && { connectTimeout }),
    connectionName: 'roomcast-sentinel',
    disableClientInfo: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: null,
    retryStrategy: retryDelayMs
  } as RedisOptions
}
