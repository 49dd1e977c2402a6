import type { Random } from '../../random.js'
import type { Nodes, NodesCount, NodesListener } from '../nodes.js'

/** A cluster of one: no lease, nobody to bury. */
export class EmbeddedNodes implements Nodes {
  readonly nodeId: string
  #connectionCount = () => 0

  constructor(random: Random) {
    this.nodeId = random.uuid()
  }

  async start(_listener: NodesListener, connectionCount: () => number): Promise<void> {
    this.#connectionCount = connectionCount
  }

  async renew(): Promise<void> {}

  async count(): Promise<NodesCount> {
    return { nodes: 1, connections: this.#connectionCount() }
  }

  async close(): Promise<void> {}
}
