import type { MessagePort } from 'node:worker_threads'
import type { DomainToken, PortId, QueueId } from './device/device.ts'
import type { ErrorCode } from './errors.ts'
import type { InFlightLimits } from './ledger/in-flight-limits.ts'
import type { Connection } from './ledger/ledger.ts'
import type { NativeThread } from './native.ts'

/**
 * The messages between the main thread and a worker. Connections do not travel here but through the
 * domain, except those that a worker gives back, and those for a worker's directed queue in a domain
 * that has none.
 */

/** The text of the program that every worker runs, and what V8 has compiled of it. */
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
  /** The initial `process.env`; null leaves what Node has made of the option `env`. */
  readonly environment: Readonly<Record<string, string>> | null
  readonly link: WorkerLink
  readonly ledger: SharedArrayBuffer
  /** The addon's file. */
  readonly addon: string
  readonly control: MessagePort
  /**
   * The port for answers to `call`s only, so that the worker can read them synchronously without
   * disturbing the order of other messages.
   */
  readonly replies: MessagePort
  /** One word of shared memory: the number of the last call that main has answered. */
  readonly answered: SharedArrayBuffer
  readonly debug: boolean
  /** Milliseconds; null means that the delay is not measured. */
  readonly maxEventLoopDelay: number | null
  /** true: every server that listens is served; false: only those that are given to `attach`. */
  readonly hook: boolean
}

/** How a worker gets its connections. There is a new link after the device has failed. */
export interface WorkerLink {
  /** Later links have greater numbers. */
  readonly generation: number
  readonly domain: DomainLink
}

/** The worker's end of the domain that connections travel in. */
export interface DomainLink {
  /** null: there is no device, and the worker accepts for itself. */
  readonly token: DomainToken | null
  /** The worker's ports; null for a kind that no policy needs. */
  readonly balanced: PortId | null
  readonly directed: PortId | null
  /** The load-balanced queues that listeners get theirs from. */
  readonly queues: readonly QueueId[]
  /** How many open connections the device can count as the load of workers. */
  readonly limits: InFlightLimits
  /** How many workers have a thread, this one included: they share the limits. */
  readonly workers: number
}

/** How the connections of one listener come to a worker. */
export interface Route {
  /** The generation of the link for which the route is meant. */
  readonly generation: number
  /** The queue that its connections go to, or null when the policy sends to workers directly. */
  readonly queue: QueueId | null
  /** The priority of its connections, 0 (first) to 7. */
  readonly priority: number
  /** When the device is told that a connection is complete. */
  readonly completion: 'adoption' | 'close'
  /** Whether its connections begin with a PROXY protocol header. */
  readonly proxyProtocol: boolean
  /** How the worker accepts from the listening socket itself; null if only main accepts. */
  readonly accept: AcceptRoute | null
  /** Of two routes of a listener, the later has the greater number. */
  readonly revision: number
}

/** The queues that a worker's port is to have links to, and no others. */
export interface Links {
  /** The generation of the link for which they are meant. */
  readonly generation: number
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
 * - device: while the accept mode is `workers`. What it accepts goes to the device.
 * - own: always. It serves what it accepts.
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
 * unless they do. Main does so for all workers, one after the other, so that of two workers that
 * start at the same time the second finds the file gone.
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
      /** The listening socket, which the worker shares while it takes part. */
      readonly fd: number
      /** Whether connections begin with TCP_NODELAY. */
      readonly noDelay: boolean
      /**
       * The ticket keys of the listener's first TLS server. All servers without keys of the app use
       * them.
       */
      readonly ticketKeys: Uint8Array | null
    }
  | { readonly type: 'handles' }
  | { readonly type: 'left'; readonly links: Links }
  /** The main thread's descriptor, which is open until `unbind`. */
  | { readonly type: 'bound'; readonly socket: number; readonly fd: number }
  | { readonly type: 'unbound' }
  /** `isOurs`: others listen there, or the file has been removed. */
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
  /** The worker gives back a connection that it was dealt, because it has no server for it. */
  | { readonly type: 'return'; readonly listener: number; readonly fd: number; readonly stamp: number }
  /** The device that the link of this generation goes to has failed. */
  | { readonly type: 'device-failed'; readonly generation: number; readonly code: ErrorCode; readonly message: string }
  /**
   * An uncaught error, as text: the text outlives the thread, and the error may not be cloneable.
   */
  | { readonly type: 'uncaught'; readonly text: string }
  /**
   * The worker was told to drain and has closed its servers. It does not send this if the app's own
   * handler of the signal was called instead.
   */
  | { readonly type: 'closing' }
  /** The worker is overloaded, or not any more. */
  | { readonly type: 'overloaded'; readonly overloaded: boolean }
  /**
   * The number of connections that the worker, accepting for itself, closed at once for want of
   * descriptors. The ledger has counted them.
   */
  | { readonly type: 'shed'; readonly connections: number }
  /** The app has no handler for the signal any more. */
  | { readonly type: 'unhandle'; readonly signal: NodeJS.Signals }
  /**
   * The app's handlers have sent the signal again: they only clean up, and leave the rest to main.
   */
  | { readonly type: 'raised'; readonly signal: NodeJS.Signals }
  /** The worker ends, and has not been able to write this to the descriptor. */
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
   * The number of workers that have a thread has changed. They share the device's in-flight limit.
   */
  | { readonly type: 'share'; readonly workers: number }
  /** The process's stdin, which the worker reads, has failed. */
  | {
      readonly type: 'stdin-failed'
      readonly message: string
      readonly properties: Pick<NodeJS.ErrnoException, 'code' | 'errno' | 'syscall'>
    }
  /**
   * Connections come by other routes from now on. The message may be late: the worker may have left
   * a listener meanwhile, and joined it again by a later route.
   */
  | { readonly type: 'routes'; readonly links: Links; readonly routes: Routes }
  /** Close what is open, and exit. */
  | { readonly type: 'exit' }
  /** The device has failed. From now on connections come by this link. */
  | {
      readonly type: 'switch'
      readonly link: WorkerLink
      readonly links: Links
      readonly routes: Routes
    }
  /** A connection for the worker's directed queue, in a domain without directed ports. */
  | { readonly type: 'connection'; readonly connection: Connection }
