import type { ResourceLimits, SHARE_ENV } from 'node:worker_threads'
import type { PolicyName } from '../dispatch/policies/names.ts'
import type { ListenerOptions } from '../listeners/settings.ts'

/** The device has at most 64 ports, and main needs one of them. */
export const MAX_WORKERS = 63

export const deviceNames = ['auto', 'software', 'dlb'] as const

export const fallbackNames = ['software', 'exact', 'nop', 'none'] as const

export type FallbackPolicy = (typeof fallbackNames)[number]

export const overLimitNames = ['wait', 'reset', '503'] as const

/**
 * What to do at a connection limit:
 * - wait: accepting stops, and the kernel's backlog keeps what arrives
 * - reset: a connection is accepted and reset
 * - 503: a connection is accepted, answered by a bare HTTP/1.1 503, and closed. This is for
 *   listeners that serve HTTP without TLS.
 */
export type OverLimit = (typeof overLimitNames)[number]

/** All times are in milliseconds. Unknown names are refused. */
export interface BalancerOptions {
  /**
   * The file that every worker runs: a server as for plain Node, in ESM, CommonJS or (where Node
   * runs it) TypeScript. A relative path starts at the current directory. A URL keeps its query and
   * hash: see docs/api.md.
   */
  readonly entry: string | URL
  /**
   * The number of worker threads, 1–63. Default: `os.availableParallelism()`, at most `maxWorkers`.
   */
  readonly workers?: number | undefined
  /**
   * The number of workers that `resize()` can go up to; at least `workers`, at most 63. The
   * device's ports for them are taken at the start. Default: `workers`.
   */
  readonly maxWorkers?: number | undefined
  /** The app's arguments: `process.argv.slice(2)` in the workers. Default: none. */
  readonly argv?: readonly string[] | undefined
  /**
   * The workers' `process.env`. By default each worker has a copy of this thread's as it is now;
   * what a worker sets is also set in the process's environment, which C code reads. If an object
   * is given, each worker has a copy of it, and the process's environment is not changed. With
   * SHARE_ENV, all workers use the process's own.
   */
  readonly env?: NodeJS.ProcessEnv | typeof SHARE_ENV | undefined
  /** Node's own options for the workers. Default: this thread's. */
  readonly execArgv?: readonly string[] | undefined
  /** `workerData` as the app sees it, in each worker a clone. Default: null. */
  readonly workerData?: unknown
  /** The `resourceLimits` of `worker_threads.Worker`, for each worker. Default: none. */
  readonly resourceLimits?: ResourceLimits | undefined
  /**
   * Balance every server that listens. If false, only servers that the app gives to `attach()` are
   * balanced. Default: true.
   */
  readonly hook?: boolean | undefined
  /**
   * Pass this process's stdin on to the workers that read theirs. If false, workers find stdin open
   * and silent. Default: false.
   */
  readonly stdin?: boolean | undefined
  /** Which worker gets a new connection; see docs/policies.md. Default: 'unordered'. */
  readonly policy?: PolicyName | undefined
  /**
   * Listeners with settings of their own, by what the app listens on: `'8443'`, `'127.0.0.1:8443'`,
   * `'[::1]:8443'`, or the path of a Unix socket. Default: none.
   */
  readonly listeners?: Readonly<Record<string, ListenerOptions>> | undefined
  /**
   * With the policy `affinity`, how long a client keeps its worker after its last connection. 0:
   * only while it has a connection. Default: 60,000.
   */
  readonly affinityTimeout?: number | undefined
  /**
   * How long open connections may take to finish at the end of a worker or, in `close()`, of the
   * balancer. 0 cuts at once. Default: 10,000.
   */
  readonly drainTimeout?: number | undefined
  /**
   * How long the start may take until every worker listens or has exited; 0: no limit. Default:
   * 60,000.
   */
  readonly startTimeout?: number | undefined
  /**
   * The wait before a worker that died is respawned. It doubles with each death within 10 s of the
   * start. Default: 100.
   */
  readonly respawnDelay?: number | undefined
  /** The longest wait before a worker that died is respawned. Default: 10,000. */
  readonly maxRespawnDelay?: number | undefined
  /**
   * How many connections may be open at a time, 1 and up. Connections on their way to a worker
   * count, too. Default: null, no limit.
   */
  readonly maxConnections?: number | null | undefined
  /** How many connections may be open at each worker, 1 and up. Default: null, no limit. */
  readonly maxConnectionsPerWorker?: number | null | undefined
  /**
   * What happens to connections beyond these limits. 'wait': accepting stops, and the kernel's
   * backlog keeps what arrives. 'reset': they are reset. '503': they get the answer 503, in
   * HTTP/1.1 without TLS, and are closed. Connections that are reset or answered count as shed.
   * Default: 'wait'.
   */
  readonly overLimit?: OverLimit | undefined
  /**
   * When a worker is blocked for this long, the connections that wait for it go to others; 0:
   * never. A worker is blocked while the same connection waits for it and it takes none. It gets no
   * new connections until it has caught up. Under policies that choose the worker themselves, the
   * time is at least 1,000. Default: 3.
   */
  readonly stallTimeout?: number | undefined
  /**
   * Give no new connections to a worker whose event loop is later than this. The delay is the
   * average over half a second; the worker gets connections again once the delay is below half of
   * this value. 1 and up. Default: null, the delay is not measured.
   */
  readonly maxEventLoopDelay?: number | null | undefined
  /**
   * Under light load, use fewer workers and let the others' threads sleep; see docs/operations.md.
   * Default: false.
   */
  readonly parking?: boolean | undefined
  /**
   * Connections come from a proxy that begins each with the PROXY protocol's header, version 1 or
   * 2: `socket.remoteAddress` is then the client's. Whoever can reach the listener can name any
   * address. Default: false.
   */
  readonly proxyProtocol?: boolean | undefined
  /**
   * Accept a TCP connection once its client has sent something, or after a second
   * (TCP_DEFER_ACCEPT). This is for protocols in which the client speaks first, such as HTTP and
   * TLS. It saves CPU where connections are new for each request; see bench/README.md. Default:
   * false.
   */
  readonly deferAccept?: boolean | undefined
  /**
   * The queue device that connections go through. 'auto': the hardware if there is a device that
   * works, else the software device. Default: NODE_DLB_DEVICE, else 'auto'.
   */
  readonly device?: (typeof deviceNames)[number] | undefined
  /**
   * The n of the DLB device `/dev/dlb<n>`, 0–63. If there is no such device, the lowest number that
   * exists. Default: the lowest that opens.
   */
  readonly id?: number | undefined
  /**
   * Intel's libdlb, which drives DLB devices: a file or a name. Default: NODE_DLB_LIBRARY, else
   * `libdlb.so`.
   */
  readonly library?: string | undefined
  /**
   * What takes the place of a DLB device that cannot be had, or fails while it is set up or used.
   * 'software': the software device with the same policy. 'exact': the software device with that
   * policy. 'nop': no device. 'none': an error. Without DLB, the device 'auto' is the software
   * device in any case. Default: 'software'.
   */
  readonly fallbackPolicy?: FallbackPolicy | undefined
  /**
   * While the device is full, new connections wait; after this many tries, those that wait are
   * shed. The device is tried again after 1 ms, then 2, 4, 8 and each further 16 ms, and accepting
   * pauses meanwhile. 0–1,000,000. Default: null, they wait until the device takes them.
   */
  readonly maxRetries?: number | null | undefined
  /** How many connections may wait in the device, 1–16,384. Default: 64 per worker, plus 320. */
  readonly credits?: number | undefined
  /**
   * Print a line to stderr for each step of each connection, or give the lines to a function.
   * Default: true if NODE_DEBUG has `dlb`.
   */
  readonly debug?: boolean | ((line: string) => void) | undefined
}
