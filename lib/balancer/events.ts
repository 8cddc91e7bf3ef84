import type { EventEmitter } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { NodeDlbError } from '../errors.ts'
import type { DeviceFacts } from './dispatch/connection-domain.ts'
import type { Shed } from './stats/sheds.ts'
import type { BalancerStats } from './stats/stats.ts'
import type { Death } from './workers/workers.ts'

export interface BalancerEvents {
  /** A listening socket was opened. `address` is what `server.address()` gives in the workers. */
  listening: [address: AddressInfo | string]
  /** A worker's thread was started, for the first time or again. */
  'worker-start': [worker: { worker: number; threadId: number }]
  /**
   * A worker's thread has ended. Without a listener, an uncaught error of the worker is printed to
   * stderr.
   */
  'worker-exit': [death: Death]
  /**
   * The worker has not listened within `startTimeout` ms (5,000 if that is 0), and nothing else,
   * such as the rejection of `reload()`, reports it. Without a listener, it becomes a process
   * warning.
   */
  'worker-late': [worker: { worker: number; timeout: number }]
  /**
   * The worker was to end, and this number of its connections were open at the deadline. They are
   * cut.
   */
  cut: [worker: { worker: number; connections: number }]
  /** `reload()` has replaced the worker `worker` by the worker `by`. */
  'worker-replaced': [worker: { worker: number; by: number }]
  /**
   * The DLB device cannot be had (reported once, at the start), or it has failed, and `device` has
   * taken its place. Without a listener, it becomes a process warning.
   */
  fallback: [device: DeviceFacts]
  /**
   * The first worker's app has added a handler for the signal (`handled`), or the last has removed
   * its own. The process's signals belong to the program. It may listen for this one and pass it on
   * by `signal()`, or ignore it.
   */
  'signal-handler': [handler: { signal: NodeJS.Signals; handled: boolean }]
  /**
   * The worker got the signal by `signal()`, but its handlers only clean up. The program decides
   * what happens next.
   */
  'signal-raised': [worker: { worker: number; signal: NodeJS.Signals }]
  /**
   * Connections were shed. The first of a reason are reported immediately, and later ones once a
   * minute. `limit` is the number of descriptors that the process may have open.
   */
  shed: [shed: Shed & { limit: number }]
  /** The balancer is closed, and nothing is left open. */
  close: [report: CloseReport]
  /**
   * A listening socket has failed and does not accept any longer (ERR_DLB_LISTEN); or the device
   * has failed and nothing takes its place, so the balancer closes (ERR_DLB_DEVICE_FAILED).
   */
  error: [error: NodeDlbError]
}

export interface CloseReport {
  /** Connections that were open or waiting at the deadline. */
  readonly cut: number
  /**
   * An exit code for the process: the first code other than 0 of a worker that ended itself since
   * `close()` was called, by process.exit, process.exitCode or an uncaught error. 0 if there is
   * none.
   */
  readonly exitCode: number
  /** The last figures. */
  readonly stats: BalancerStats
}

/** The balancer, for code that only emits its events. */
export type Events = Pick<EventEmitter<BalancerEvents>, 'emit'>

/** The balancer, for code that may have to close it. */
export interface Closable {
  close(): Promise<CloseReport>
}
