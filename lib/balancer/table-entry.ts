import type { QueueId } from '../device/device.ts'
import type { DealtListener } from './dealer.ts'
import type { Connection } from './ledger.ts'
import type { Listener } from './listener.ts'
import type { ListenerSettings } from './listener-settings.ts'
import type { Policy } from './policies/index.ts'

/** One listening socket, and the workers that have a server on it. */
export class TableEntry implements DealtListener {
  readonly id: number
  /** Requests with the same key share the listener. */
  readonly key: string
  readonly listener: Listener
  readonly settings: ListenerSettings
  policy: Policy
  queue: QueueId | null = null
  /** Grows with each change of the policy or the queue. */
  revision = 0
  /** Workers that listen now; `workers` are those of them that may be dealt connections. */
  readonly members = new Set<number>()
  /** Workers that listened and died; the socket stays open for their successors. */
  readonly awaited = new Set<number>()
  readonly parked: Connection[] = []
  workers: readonly number[] = []
  directQueues: readonly QueueId[] = []
  turn = 0
  /** In the Shift; null: only main accepts. */
  readonly reliefPlace: number | null
  /** Of `lookAtBacklogs`, the last time: how often workers had accepted, and whether connections waited. */
  turns = 0
  waited = false
  /** Of the first server with TLS: the others get them, as do those of later workers, so that clients can resume their sessions anywhere. */
  ticketKeys: Uint8Array | null = null
  /** As the first server wants it: connections inherit it. Each worker changes it where its server wants something else. */
  readonly noDelay: boolean

  constructor(listener: Listener, parts: Pick<TableEntry, 'key' | 'settings' | 'policy' | 'reliefPlace' | 'noDelay'>) {
    this.id = listener.id
    this.key = parts.key
    this.listener = listener
    this.settings = parts.settings
    this.policy = parts.policy
    this.reliefPlace = parts.reliefPlace
    this.noDelay = parts.noDelay
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
