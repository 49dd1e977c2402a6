/** Members that a room lost with the node that died. */
export interface RoomDeparture {
  readonly room: string
  readonly userIds: readonly string[]
  /** Users that are left. */
  readonly users: number
}

export interface NodesListener {
  /** A dead node's members were taken out of a room. Each departure is told on one node only. */
  onDeparture(departure: RoomDeparture): void
  /**
   * This node's own lease was lost. It goes on under a new name, under which its presence has to be written again;
   * until then nothing that it asks the store goes by what it had before.
   */
  onLeaseLost(loss: LeaseLoss): void
}

export interface LeaseLoss {
  /**
   * The others took it for dead, and its members for departed. Else nobody did: the store has forgotten, and knows
   * nothing of what this node had, or what it had long ago.
   */
  readonly departed: boolean
}

export interface NodesCount {
  readonly nodes: number
  /** Connections of all nodes; those of other nodes as of their last renewal. */
  readonly connections: number
}

/**
 * The nodes of the cluster. Each holds a lease (8 s, renewed every 2 s); what a node whose lease ran out had in the
 * presence is removed room by room by one of the others, within two seconds of the end of the lease.
 */
export interface Nodes {
  readonly nodeId: string
  /**
   * Takes this node's lease; where the store is away, `renew` does later. `connectionCount` is asked at each renewal.
   */
  start(listener: NodesListener, connectionCount: () => number): Promise<void>
  /**
   * Takes the lease, or renews it before it is due; where it was lost, `onLeaseLost` has been called when it resolves.
   * Rejects with `store_unavailable`. Idempotent.
   */
  renew(): Promise<void>
  /** Counts over the cluster. */
  count(): Promise<NodesCount>
  /** Gives the lease back; presence of this node that is left is removed when the grace is over. */
  close(): Promise<void>
}
