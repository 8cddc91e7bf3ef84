import type { ResourceLimits, SHARE_ENV } from 'node:worker_threads'
import type { OverLimit } from '../dispatch/admission.ts'
import type { PolicyName } from '../dispatch/policies/names.ts'
import type { ListenerOptions } from '../listeners/settings.ts'

/** The device has at most 64 ports, one of which is the producer's. */
export const MAX_WORKERS = 63

export const deviceNames = ['auto', 'software', 'dlb'] as const

export const fallbackNames = ['software', 'exact', 'nop', 'none'] as const

export type FallbackPolicy = (typeof fallbackNames)[number]

/** All times are in milliseconds. Unknown names are refused. */
export interface BalancerOptions {
  /**
   * The file that every worker runs: a server as for plain Node, ESM, CommonJS or (where Node runs
   * it) TypeScript. Relative paths are resolved against the current directory. A URL keeps its
   * query and hash: see docs/api.md.
   */
  readonly entry: string | URL
  /** 1–63 threads; default `os.availableParallelism()`, at most `maxWorkers`. */
  readonly workers?: number | undefined
  /**
   * `resize()` goes up to so many, at least `workers`: the device's ports for them are taken at the
   * start. 1–63; default `workers`.
   */
  readonly maxWorkers?: number | undefined
  /**
   * Default: NODE_DLB_DEVICE, else 'auto': the hardware if there is one that works, else the
   * software device.
   */
  readonly device?: (typeof deviceNames)[number] | undefined
  /**
   * The n of /dev/dlb<n>, 0–63; if that is not there, the lowest that is. Default: the lowest that
   * opens.
   */
  readonly id?: number | undefined
  /** Intel's libdlb, a file or a name. Default: NODE_DLB_LIBRARY, else `libdlb.so`. */
  readonly library?: string | undefined
  /**
   * What takes the place of a DLB device that was asked for and cannot be had, that cannot be set
   * up, or that fails while it is used: the software device with the same policy, or with 'exact';
   * 'nop', no device; 'none', an error. Default 'software'. ('auto' on a machine without DLB takes
   * the software device in any case.)
   */
  readonly fallbackPolicy?: FallbackPolicy | undefined
  /**
   * When the device takes nothing (no credits), it is asked again after 1 ms, 2, 4 … 16, and
   * accepting pauses meanwhile; after so many tries in vain what waits is shed: 0–1,000,000.
   * Default null: it waits until the device takes it.
   */
  readonly maxRetries?: number | null | undefined
  /** Default 'unordered'. See docs/policies.md. */
  readonly policy?: PolicyName | undefined
  /**
   * Under 'affinity', a client keeps its worker for so long after its last connection; 0: only
   * while it has one. Default 60,000.
   */
  readonly affinityTimeout?: number | undefined
  /**
   * Listeners with a policy or priority of their own, by what the app listens on: `'8443'`,
   * `'127.0.0.1:8443'`, `'[::1]:8443'`, or the path of a Unix socket.
   */
  readonly listeners?: Readonly<Record<string, ListenerOptions>> | undefined
  /** The app's arguments: `process.argv.slice(2)` in the workers. Default none. */
  readonly argv?: readonly string[] | undefined
  /**
   * `process.env` of the workers. Default: each has a copy of this thread's as it is now; what a
   * worker sets is also set in the process's environment, which C code reads. An object: each has a
   * copy of that, and the process has nothing of it. SHARE_ENV: all have the process's own.
   */
  readonly env?: NodeJS.ProcessEnv | typeof SHARE_ENV | undefined
  /** Node's own options for the workers; default this thread's. */
  readonly execArgv?: readonly string[] | undefined
  /** `workerData` of the workers; cloned. Default null. */
  readonly workerData?: unknown
  /** As of `worker_threads.Worker`, for each worker. */
  readonly resourceLimits?: ResourceLimits | undefined
  /**
   * false: only servers that the app gives to `attach()` are balanced. Default true: every server
   * that listens.
   */
  readonly hook?: boolean | undefined
  /**
   * Pass this process's stdin on to workers that read theirs. Default false: they find it open and
   * silent.
   */
  readonly stdin?: boolean | undefined
  /** How long `close()` lets connections finish; 0 cuts at once. Default 10,000. */
  readonly drainTimeout?: number | undefined
  /**
   * How long the start may take until every worker listens or has exited; 0: no limit. Default
   * 60,000.
   */
  readonly startTimeout?: number | undefined
  /**
   * Wait before a worker that died is respawned; doubles with each death within 10 s of the start.
   * Default 100.
   */
  readonly respawnDelay?: number | undefined
  /** Bound of that wait. Default 10,000. */
  readonly maxRespawnDelay?: number | undefined
  /**
   * A worker that has not taken a connection for so long, while the same one waits for it, is
   * stalled: what waits there is dealt to others, and it gets no more before it has caught up.
   * Under policies that choose the worker themselves, 1,000 at least. 0: never. Default 3.
   */
  readonly stallTimeout?: number | undefined
  /**
   * Under light load, keep connections on few workers, so that the others' threads sleep; see
   * docs/operations.md. Default false.
   */
  readonly parking?: boolean | undefined
  /**
   * Connections begin with the PROXY protocol's header, version 1 or 2, as proxies send it:
   * `socket.remoteAddress` is then the client's. Whoever can reach the listener can name any
   * address. Default false.
   */
  readonly proxyProtocol?: boolean | undefined
  /**
   * A TCP connection is accepted only when its client has sent something (TCP_DEFER_ACCEPT), or
   * after a second: for protocols in which the client speaks first, as HTTP and TLS. It saves CPU
   * where connections are new for each request; see bench/README.md. Default false.
   */
  readonly deferAccept?: boolean | undefined
  /**
   * Bound on the connections that are open or on their way to a worker; 1 and up. Default null:
   * none.
   */
  readonly maxConnections?: number | null | undefined
  /** The same for each worker. Default null: none. */
  readonly maxConnectionsPerWorker?: number | null | undefined
  /**
   * Beyond them, 'wait' (default): accepting stops, and the kernel's backlog holds what arrives.
   * 'reset': it is reset. '503': it is answered so, in HTTP/1.1 without TLS, and closed. Both count
   * as shed.
   */
  readonly overLimit?: OverLimit | undefined
  /**
   * A worker whose event loop is later than so, on average over half a second, gets no new
   * connections before it is half as late; 1 and up. Default null: it is not measured.
   */
  readonly maxEventLoopDelay?: number | null | undefined
  /**
   * Bound on the connections that wait in the device, 1–16,384; default 64 per worker, plus 320.
   */
  readonly credits?: number | undefined
  /**
   * A line per connection and step: true for stderr, or a function. Default: on if NODE_DEBUG has
   * `dlb`.
   */
  readonly debug?: boolean | ((line: string) => void) | undefined
}
