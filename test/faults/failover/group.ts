import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Keys } from '../../../src/store/redis/keys.js'
import { urlOf } from '../../support/redis-server.js'
import { SentinelGroup } from '../../support/sentinels.js'
import type { ServerProcess } from '../../support/server-process.js'
import { until } from '../../support/until.js'
import { untilReady } from '../rig/readiness.js'
import type { Rig } from '../rig/rig.js'

const PREFIX = 'faults'
const NODES = 3
/** What a failover may take, start of the processes on a busy machine included. */
const FAILOVER_MS = 30_000

export interface Kill {
  readonly what: 'master' | 'node'
  /** From the kill until every node that is there was ready, or the killed one again. */
  readonly recoveryMs: number
}

/** Three nodes on a master, two replicas and three Sentinels, of which one is killed now and then. */
export class FailoverGroup {
  readonly #rig: Rig
  readonly #redis: SentinelGroup
  readonly #nodes: ServerProcess[]
  /** Of the nodes; one that starts again has another. */
  readonly urls: string[]

  private constructor(rig: Rig, redis: SentinelGroup, nodes: ServerProcess[]) {
    this.#rig = rig
    this.#redis = redis
    this.#nodes = nodes
    this.urls = nodes.map(({ url }) => url)
  }

  static async start(rig: Rig): Promise<FailoverGroup> {
    const redis = await SentinelGroup.start(rig.scope)
    const nodes = await Promise.all(Array.from({ length: NODES }, () => startNode(rig, redis)))
    return new FailoverGroup(rig, redis, nodes)
  }

  /** Resolves when the killed one runs again, the old master as a replica. */
  async kill(what: 'master' | 'node'): Promise<Kill> {
    const begun = performance.now()
    await (what === 'master' ? this.#killMaster() : this.#killNode())
    return { what, recoveryMs: performance.now() - begun }
  }

  /** Resolves when a replica has what the master has: else Sentinel would have nobody to make master. */
  async untilReplicated(): Promise<void> {
    await until(() => this.#hasReplica(), Boolean, FAILOVER_MS)
  }

  /** The replicas get nothing any more, and know it. The master goes on. */
  async cutReplication(): Promise<void> {
    const master = await this.#master()
    try {
      await master.call('ACL', 'SETUSER', 'default', '-psync', '-sync', '-replconf')
      await master.call('CLIENT', 'KILL', 'TYPE', 'replica')
    } finally {
      master.disconnect()
    }
  }

  /** Where each epoch of each room ended, as the master has it; the present one has not. */
  async ends(rooms: readonly string[]): Promise<Map<string, Map<string, number>>> {
    const master = await this.#master()
    try {
      return new Map(await Promise.all(rooms.map(async (room) => [room, await endsOf(master, room)] as const)))
    } finally {
      master.disconnect()
    }
  }

  async #killMaster(): Promise<void> {
    const former = await this.#redis.killMaster()
    await until(
      () => this.#redis.masterPort(),
      (port) => port !== former,
      FAILOVER_MS
    )
    await Promise.all(this.urls.map((url) => untilReady(url, true, FAILOVER_MS)))
    await this.#redis.restart(former)
  }

  async #killNode(): Promise<void> {
    const index = this.#rig.random.integer(0, this.#nodes.length - 1)
    await this.#nodes[index]?.end('SIGKILL')
    await sleep(this.#rig.random.integer(0, 3000))
    const node = await startNode(this.#rig, this.#redis)
    this.#nodes[index] = node
    this.urls[index] = node.url
    await untilReady(node.url, true, FAILOVER_MS)
  }

  async #hasReplica(): Promise<boolean> {
    const master = await this.#master()
    try {
      return /state=online/.test(await master.info('replication'))
    } finally {
      master.disconnect()
    }
  }

  async #master(): Promise<Redis> {
    const master = new Redis(await this.#redis.masterPort(), '127.0.0.1')
    master.on('error', () => {})
    return master
  }
}

async function startNode(rig: Rig, redis: SentinelGroup): Promise<ServerProcess> {
  const [, credentials = ''] = /\/\/(.*@)/.exec(urlOf(0)) ?? []
  return await rig.startNode({ REDIS_URL: redis.url(credentials), REDIS_PREFIX: PREFIX })
}

async function endsOf(redis: Redis, room: string): Promise<Map<string, number>> {
  const [epoch, forks] = await redis.hmget(new Keys(PREFIX).meta(`room:${room}`), 'epoch', 'forks')
  const ends = (forks ?? '').split(' ').filter(Boolean)
  const known = new Map(ends.map((fork) => [fork.split(':')[0] ?? '', Number(fork.split(':')[1])]))
  return known.set(epoch ?? '', Number.POSITIVE_INFINITY)
}
