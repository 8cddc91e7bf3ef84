import type { QueueId } from '../../device/device.ts'
import type { Connection } from '../../ledger/ledger.ts'
import type { ListenRequest } from '../../protocol.ts'
import type { DealtListener } from '../dispatch/dealer.ts'
import type { Policy } from '../dispatch/policies/index.ts'
import type { Bound } from './addresses.ts'
import type { ListenerSettings } from './settings.ts'
import type { ListenerSocket } from './unbound-socket.ts'

/** An address that servers in workers listen on: its socket, its settings, and these workers. */
export class Listener implements DealtListener, Bound {
  readonly id: number
  /** The first worker's request. */
  readonly asked: ListenRequest
  /**
   * The socket. Another one replaces it when a Unix socket's file was removed, or when an address
   * that could not be bound becomes free.
   */
  socket: ListenerSocket
  readonly settings: ListenerSettings
  policy: Policy
  queue: QueueId | null = null
  /** Grows with each change of the policy or the queue. */
  revision = 0
  /** The workers that listen now. `workers` has the eligible ones among them. */
  readonly members = new Set<number>()
  /** Workers that listened and died. The socket stays open for their successors. */
  readonly awaited = new Set<number>()
  readonly unserved: Connection[] = []
  workers: readonly number[] = []
  directedQueues: readonly QueueId[] = []
  turn = 0
  closed = false
  /** The listener's counter in AcceptMode; null if workers cannot accept instead of main. */
  readonly acceptCounter: number | null
  /** What `checkBacklogs` found last: the counter's value, and whether connections waited. */
  acceptCount = 0
  waited = false
  /**
   * The ticket keys of the first server with TLS. All other servers of the listener use them, and
   * so do those of later workers, so that clients can resume their sessions anywhere.
   */
  ticketKeys: Uint8Array | null = null

  constructor(
    id: number,
    socket: ListenerSocket,
    parts: Pick<Listener, 'asked' | 'settings' | 'policy' | 'acceptCounter'>,
  ) {
    this.id = id
    this.asked = parts.asked
    this.socket = socket
    this.settings = parts.settings
    this.policy = parts.policy
    this.acceptCounter = parts.acceptCounter
  }

  get address(): ListenerSocket['address'] {
    return this.socket.address
  }

  /**
   * Whether connections inherit TCP_NODELAY, which is as the first server wants it. A worker whose
   * server wants the other setting changes it for each connection.
   */
  get noDelay(): boolean {
    return this.asked.noDelay
  }

  get priority(): number {
    return this.settings.priority
  }

  get proxied(): boolean {
    return this.settings.proxyProtocol
  }

  get served(): boolean {
    return this.workers.length > 0
  }
}
