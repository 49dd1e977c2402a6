import { randomUUID } from 'node:crypto'
import type { Nodes, NodesCount, NodesListener } from '../nodes.js'

/** A cluster of one: no lease, nobody to bury. */
export class EmbeddedNodes implements Nodes {
  readonly nodeId = randomUUID()
  #connectionCount = () => 0

  async start(_listener: NodesListener, connectionCount: () => number): Promise<void> {
    this.#connectionCount = connectionCount
  }

  async renew(): Promise<void> {}

  async count(): Promise<NodesCount> {
    return { nodes: 1, connections: this.#connectionCount() }
  }

  async close(): Promise<void> {}
}
