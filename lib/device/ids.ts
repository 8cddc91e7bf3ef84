export type QueueKind = 'load-balanced' | 'directed'

/**
 * Names a queue. The id is the device's: not dense, not from zero. Plain data: it can be posted to
 * other threads.
 */
export interface QueueId {
  readonly kind: QueueKind
  readonly id: number
}

/** Names a port, as QueueId does a queue. */
export interface PortId {
  readonly kind: QueueKind
  readonly id: number
}
