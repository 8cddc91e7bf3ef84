import type { MessagePort } from 'node:worker_threads'
import type { DomainToken, PortId, QueueId } from './device/device.ts'
import type { ErrorCode } from './errors.ts'
import type { InFlightLimits } from './ledger/in-flight-limits.ts'
import type { Connection } from './ledger/ledger.ts'
import type { NativeThread } from './native.ts'

/**
 * The messages between the main thread and a worker. Connections travel through the domain. They
 * are messages only in two cases: a worker gives a connection back, or a worker's directed queue is
 * in a domain that has no directed ports.
 */

/** The program that every worker runs: its text, and V8's compiled form of it. */
export interface WorkerCode {
  readonly file: string
  readonly source: string
  /** All threads share it. */
  readonly compiled: Uint8Array
}

/**
 * What a worker's thread starts with, in `workerData`. The bootstrap puts the user's own
 * `workerData` in its place before the user's code runs.
 */
export interface WorkerBoot {
  readonly code: WorkerCode
  readonly index: number
  /** Absolute path of the user's entry. */
  readonly entry: string
  /** The entry's URL, with its query and hash; null if it has neither. */
  readonly entryUrl: string | null
  readonly argv: readonly string[]
  readonly userData: unknown
  /**
   * The initial `process.env`; null keeps the environment that Node has made from the option `env`.
   */
  readonly environment: Readonly<Record<string, string>> | null
  readonly link: WorkerLink
  readonly ledger: SharedArrayBuffer
  /** The addon's file. */
  readonly addon: string
  readonly control: MessagePort
  /**
   * A port that carries only the answers to `call`s, so that the worker can read them synchronously
   * without disturbing the order of other messages.
   */
  readonly replies: MessagePort
  /** One word of shared memory: the number of the last call that main has answered. */
  readonly answered: SharedArrayBuffer
  readonly debug: boolean
  /** Milliseconds; null: the delay is not measured. */
  readonly maxEventLoopDelay: number | null
  /**
   * true: the balancer serves every server that listens; false: it serves only servers that were
   * passed to `attach`.
   */
  readonly hook: boolean
}

/** How a worker gets its connections. After the device has failed, workers get a new link. */
export interface WorkerLink {
  /** Later links have greater numbers. */
  readonly domainNumber: number
  readonly domain: DomainLink
}

/** The worker's end of the domain that connections travel in. */
export interface DomainLink {
  /** null: there is no device, and the worker accepts for itself. */
  readonly token: DomainToken | null
  /** The worker's ports; null for a kind that no policy needs. */
  readonly balanced: PortId | null
  readonly directed: PortId | null
  /** The load-balanced queues, from which listeners get theirs. */
  readonly queues: readonly QueueId[]
  /**
   * The device's limits on the number of open connections that it counts as the load of workers.
   */
  readonly limits: InFlightLimits
  /** The number of workers that have a thread, this one included: they share the limits. */
  readonly workers: number
}

/** How the connections of one listener come to a worker. */
export interface Route {
  /** The number of the domain that the route belongs to: see WorkerLink. */
  readonly domainNumber: number
  /**
   * The queue that the listener's connections go to; null if the policy sends to workers directly.
   */
  readonly queue: QueueId | null
  /** The priority of the listener's connections, 0 (first) to 7. */
  readonly priority: number
  /** When the device is told that a connection is complete. */
  readonly completion: 'adoption' | 'close'
  /** Whether the listener's connections begin with a PROXY protocol header. */
  readonly proxyProtocol: boolean
  /** How the worker accepts from the listening socket itself; null if only main accepts. */
  readonly accept: AcceptRoute | null
  /** A later route of the same listener has a greater number. */
  readonly revision: number
}

/** The complete set of queues that a worker's port must have links to. */
export interface Links {
  /** The number of the domain that the links belong to: see WorkerLink. */
  readonly domainNumber: number
  /** Later links have greater numbers. */
  readonly revision: number
  readonly queues: readonly QueueLink[]
}

export interface QueueLink {
  readonly queue: QueueId
  /** 0 (first) to 7. */
  readonly priority: number
}

/**
 * How a worker accepts from a listening socket itself.
 * - device: the worker accepts while the accept mode is `workers`, and sends what it accepts to the
 *   device.
 * - own: the worker always accepts, and serves what it accepts.
 */
export type AcceptRoute =
  | {
      readonly sink: 'device'
      /** Main's descriptor of the listening socket. */
      readonly socket: number
      /** The listener's counter in AcceptMode. */
      readonly counter: number
    }
  | { readonly sink: 'own'; readonly socket: number }

export type Routes = readonly (readonly [listener: number, route: Route])[]

/** The arguments of one `net.Server.listen`, after Node's own parsing and name lookup. */
export interface ListenRequest {
  readonly type: 'listen'
  /**
   * An IP address; null stands for '::', or '0.0.0.0' without IPv6. With port -1, a Unix socket's
   * path.
   */
  readonly address: string | null
  readonly port: number
  readonly addressType: number
  /** 0 stands for Node's default. */
  readonly backlog: number
  readonly ipv6Only: boolean
  readonly reusePort: boolean
  /** Whether the server's connections have TCP_NODELAY. */
  readonly noDelay: boolean
  /**
   * The keys with which a TLS server makes session tickets; null without TLS, or if the app has set
   * keys of its own.
   */
  readonly ticketKeys: Uint8Array | null
}

export interface LeaveRequest {
  readonly type: 'leave'
  readonly listener: number
}

/** The app now has a handler for the signal. */
export interface HandleRequest {
  readonly type: 'handle'
  readonly signal: NodeJS.Signals
}

/**
 * Asks whether other workers listen on a Unix socket's path. With `remove`, main removes the file
 * if no others do. Main answers all workers one after the other. So when two workers start at the
 * same time, the second finds the file gone, and does not remove the first one's new file.
 */
export interface PathRequest {
  readonly type: 'path'
  readonly path: string
  readonly remove: boolean
}

/** A UDP socket that workers share. */
export interface BindRequest {
  readonly type: 'bind'
  readonly family: 'udp4' | 'udp6'
  /** IP address. */
  readonly address: string
  readonly port: number
  readonly ipv6Only: boolean
  /** Whether others may have the same address (SO_REUSEADDR). */
  readonly reusePort: boolean
  /** libuv's flags of the bind. */
  readonly flags: number
}

export interface UnbindRequest {
  readonly type: 'unbind'
  readonly socket: number
}

/** A question that the worker's thread waits for until main answers. */
export type Call = BindRequest | UnbindRequest | ListenRequest | LeaveRequest | PathRequest | HandleRequest

export type Reply =
  | {
      readonly type: 'listening'
      readonly listener: number
      readonly route: Route
      readonly links: Links
      /** The address that it is bound to, or the Unix socket's path. */
      readonly address: { readonly address: string; readonly family: string; readonly port: number } | string
      /** The listening socket, which the worker shares while it listens. */
      readonly fd: number
      /** Whether connections begin with TCP_NODELAY. */
      readonly noDelay: boolean
      /**
       * The ticket keys of the listener's first TLS server. All its TLS servers use them, unless
       * the app has set keys of its own.
       */
      readonly ticketKeys: Uint8Array | null
    }
  | { readonly type: 'handles' }
  | { readonly type: 'left'; readonly links: Links }
  /** The main thread's descriptor, which is open until `unbind`. */
  | { readonly type: 'bound'; readonly socket: number; readonly fd: number }
  | { readonly type: 'unbound' }
  /** `isOurs`: other workers listen there, or main has removed the file. */
  | { readonly type: 'path'; readonly isOurs: boolean }
  /**
   * The bind or listen failed. `errno` is negative, as in libuv. `address` is the last one tried.
   */
  | { readonly type: 'failed'; readonly errno: number; readonly address: string | null }
  /** The balancer itself cannot listen there. */
  | { readonly type: 'refused'; readonly code: string; readonly message: string }

/** What a worker tells main without waiting. */
export type Notice =
  /**
   * A server of the app listens, so the worker's start is done. `thread` is the worker's thread.
   */
  | { readonly type: 'listening'; readonly thread: NativeThread }
  /**
   * The worker gives back a connection, and main deals it again: either the worker was dealt the
   * connection and has no server for it, or the worker has accepted it instead of main and the
   * device did not take it.
   */
  | { readonly type: 'return'; readonly listener: number; readonly fd: number; readonly stamp: number }
  /** The device of the domain with this number has failed. */
  | {
      readonly type: 'device-failed'
      readonly domainNumber: number
      readonly code: ErrorCode
      readonly message: string
    }
  /**
   * An uncaught error, as text: the text outlives the thread, and the error may not be cloneable.
   */
  | { readonly type: 'uncaught'; readonly text: string }
  /**
   * The worker was told to drain and has closed its servers. It does not send this if the app's own
   * handler of the signal was called instead.
   */
  | { readonly type: 'closing' }
  /** The worker has become overloaded, or has stopped being so. */
  | { readonly type: 'overloaded'; readonly overloaded: boolean }
  /**
   * The number of connections that a worker that accepts for itself closed at once because the
   * process had no descriptors left. The ledger has counted them.
   */
  | { readonly type: 'shed'; readonly connections: number }
  /** The app has removed its last handler for the signal. */
  | { readonly type: 'unhandle'; readonly signal: NodeJS.Signals }
  /**
   * The app's handlers have sent the signal again: they only clean up, and leave the signal's
   * default action to main.
   */
  | { readonly type: 'raised'; readonly signal: NodeJS.Signals }
  /** The worker ends, and could not write this data to the descriptor. */
  | { readonly type: 'output'; readonly fd: 1 | 2; readonly data: Uint8Array }
  /** The app reads process.stdin. */
  | { readonly type: 'stdin' }
  | { readonly type: 'debug'; readonly line: string }

export type ToMain = Notice | { readonly type: 'call'; readonly id: number; readonly call: Call }

export type ToWorker =
  /** The worker will be drained soon: connections end with their next response. */
  | { readonly type: 'ending' }
  /**
   * Close the servers, or let the app's own handler of the signal do it. Connections that are open
   * at the deadline (on the clock of `Date.now()`) are cut.
   */
  | { readonly type: 'drain'; readonly signal: NodeJS.Signals; readonly deadline: number }
  /** The process got this signal, and the app has handlers for it. */
  | { readonly type: 'signal'; readonly signal: NodeJS.Signals }
  /** Workers accept from now on. */
  | { readonly type: 'workers-accept' }
  /**
   * The number of workers that have a thread has changed. These workers share the device's
   * in-flight limit.
   */
  | { readonly type: 'share'; readonly workers: number }
  /** The process's stdin, which the worker reads, has failed. */
  | {
      readonly type: 'stdin-failed'
      readonly message: string
      readonly properties: Pick<NodeJS.ErrnoException, 'code' | 'errno' | 'syscall'>
    }
  /**
   * Connections use these routes and links from now on. The message may be late: the worker may
   * have left a listener meanwhile, and joined it again with a later route.
   */
  | { readonly type: 'routes'; readonly links: Links; readonly routes: Routes }
  /** Close what is open, and exit. */
  | { readonly type: 'exit' }
  /** The device has failed. From now on connections come through this link. */
  | {
      readonly type: 'switch'
      readonly link: WorkerLink
      readonly links: Links
      readonly routes: Routes
    }
  /** A connection for the worker's directed queue, in a domain without directed ports. */
  | { readonly type: 'connection'; readonly connection: Connection }
