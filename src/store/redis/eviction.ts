import type { RedisConnection } from './connections.js'

/**
 * Tells the policy by which Redis throws away keys when its memory is full, each time the connection is made and it has
 * one: epochs, positions and inboxes would go without a word.
 */
export function watchEviction(connection: RedisConnection, onPolicy: (policy: string) => void): void {
  const look = () => {
    evictionPolicy(connection).then(
      (policy) => {
        if (policy !== undefined) onPolicy(policy)
      },
      // Whoever cannot be asked is asked on the next connection.
      () => {}
    )
  }
  connection.on('ready', look)
  if (connection.status === 'ready') look()
}

async function evictionPolicy(connection: RedisConnection): Promise<string | undefined> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await connection.info('memory'))?.[1]
  return policy === 'noeviction' ? undefined : policy
}
