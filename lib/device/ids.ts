export type QueueKind = 'load-balanced' | 'directed'

/**
 * Names a queue. The device chooses the id; ids need not be dense nor start at 0. This is plain
 * data, which can be posted to other threads.
 */
export interface QueueId {
  readonly kind: QueueKind
  readonly id: number
}

/** Names a port in the same way. */
export interface PortId {
  readonly kind: QueueKind
  readonly id: number
}
