import { Redis } from 'ioredis'

/** How often a Redis has run these commands so far, inside of scripts too. */
export async function commandCalls(port: number, commands: readonly string[]): Promise<number> {
  const redis = new Redis({ host: '127.0.0.1', port })
  try {
    const text = await redis.info('commandstats')
    return commands.reduce((sum, command) => {
      const [, calls = '0'] = new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(text) ?? []
      return sum + Number(calls)
    }, 0)
  } finally {
    redis.disconnect()
  }
}
