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
   * The worker has not listened within `startTimeout` (5 s if that is 0), and nothing else tells
   * so, such as the rejection of `reload()`. Without a listener, it is a process warning.
   */
  'worker-late': [worker: { worker: number; timeout: number }]
  /** The worker was to end, and these connections of it are open at the deadline. They are cut. */
  cut: [worker: { worker: number; connections: number }]
  /** `reload()` has put the worker `by` into the place of `worker`. */
  'worker-replaced': [worker: { worker: number; by: number }]
  /**
   * The DLB device cannot be had (which is told once, at the start), or it has failed, and this
   * device has taken its place. Without a listener, it is a process warning.
   */
  fallback: [device: DeviceFacts]
  /**
   * A worker's app is the first to have a handler for the signal, or the last has removed its own.
   * The program owns the process's signals. It listens for this one and passes it on by `signal()`,
   * or leaves it.
   */
  'signal-handler': [handler: { signal: NodeJS.Signals; handled: boolean }]
  /**
   * The worker was given the signal by `signal()`, but its handlers only clean up. What happens
   * next is for the program to decide.
   */
  'signal-raised': [worker: { worker: number; signal: NodeJS.Signals }]
  /**
   * Connections were closed at once. The first is told immediately, and those that follow once a
   * minute. `limit` is the number of descriptors that the process may have open.
   */
  shed: [shed: Shed & { limit: number }]
  /** Nothing is left open. */
  close: [report: CloseReport]
  /**
   * A listening socket has failed and accepts no more (ERR_DLB_LISTEN); or the device has failed
   * and nothing takes its place, in which case the balancer closes (ERR_DLB_DEVICE_FAILED).
   */
  error: [error: NodeDlbError]
}

export interface CloseReport {
  /** Connections that were open or waiting at the deadline. */
  readonly cut: number
  /**
   * How the apps took being told to finish, as a process's exit code: the first code other than 0
   * of a worker that ended itself since `close()` was called, by process.exit, process.exitCode or
   * an uncaught error. 0 if there is none.
   */
  readonly exitCode: number
  /** The last figures. */
  readonly stats: BalancerStats
}

/** The balancer, for those that only emit its events. */
export type Events = Pick<EventEmitter<BalancerEvents>, 'emit'>

/** The balancer, for those that may have to close it. */
export interface Closable {
  close(): Promise<CloseReport>
}
