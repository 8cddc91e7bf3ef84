import type { MessagePort } from 'node:worker_threads'
import type { DomainToken, PortId, QueueId } from './device/device.ts'
import type { ErrorCode } from './errors.ts'
import type { Counting } from './ledger/counting.ts'
import type { NativeThread } from './native.ts'

/**
 * What the main thread and a worker say to each other. Connections do not travel here (they go
 * through the device), except those that a worker has to give back, and those of a device that
 * failed and has no successor.
 */

/** The text of the program that every worker runs, and what V8 has compiled of it. */
export interface WorkerCode {
  readonly file: string
  readonly source: string
  /** All threads share it. */
  readonly compiled: Uint8Array
}

/**
 * The worker's start-up parcel, in `workerData`; the bootstrap replaces it by the user's own before
 * their code runs.
 */
export interface WorkerBoot {
  readonly code: WorkerCode
  readonly index: number
  /** Absolute path of the user's entry. */
  readonly entry: string
  /** With its query and hash; null if it has none. */
  readonly entryUrl: string | null
  readonly argv: readonly string[]
  readonly userData: unknown
  /** What `process.env` is at first; null: it is what Node has made of the option `env`. */
  readonly environment: Readonly<Record<string, string>> | null
  readonly link: WorkerLink
  readonly ledger: SharedArrayBuffer
  /** The addon's file. */
  readonly addon: string
  readonly control: MessagePort
  /**
   * Answers to `call`s only, so that they can be read synchronously without disturbing the other
   * messages.
   */
  readonly replies: MessagePort
  /** One word: the number of the last call that main has answered. */
  readonly answered: SharedArrayBuffer
  readonly debug: boolean
  /** ms; null: it is not measured. */
  readonly maxEventLoopDelay: number | null
  /** Serve every server that listens (true), or only those that `attach` was told of. */
  readonly hook: boolean
}

/** How a worker gets its connections. When the device has failed, there is a new one. */
export interface WorkerLink {
  /** Later ones have greater numbers. */
  readonly generation: number
  /** null: there is none, and the worker accepts for itself. */
  readonly device: DeviceLink | null
}

export interface DeviceLink {
  readonly domain: DomainToken
  /** The worker's ports; null for a kind that no policy needs. */
  readonly balanced: PortId | null
  readonly directed: PortId | null
  /** The load-balanced queues that listeners get theirs from. */
  readonly queues: readonly QueueId[]
  /** Of open connections, by the device. */
  readonly counting: Counting
  /** How many workers have a thread, this one included: they share what can be counted. */
  readonly workers: number
}

/** How the connections of one listener come to a worker. */
export interface Route {
  /** The link for which it is meant. */
  readonly generation: number
  /** The queue that its connections go to, or null when the policy sends to workers directly. */
  readonly queue: QueueId | null
  /** Of its connections: 0 (first) to 7. */
  readonly priority: number
  /** When the device is told that a connection is complete. */
  readonly completion: 'adoption' | 'close'
  /** Its connections begin with a header. */
  readonly proxyProtocol: boolean
  /** The listening socket to accept from, or null when main accepts. */
  readonly socket: number | null
  /** Accepting while main's acceptor rests; null when only main accepts. */
  readonly relief: ReliefRoute | null
  /** Of two routes of a listener, the later one has the greater number. */
  readonly revision: number
}

/** The queues that a worker's port is to have links to, and no others. */
export interface Links {
  /** The link for which they are meant. */
  readonly generation: number
  /** The later ones have a greater number. */
  readonly revision: number
  readonly queues: readonly QueueLink[]
}

export interface QueueLink {
  readonly queue: QueueId
  /** 0 (first) to 7. */
  readonly priority: number
}

export interface ReliefRoute {
  /** The listening socket to accept from. */
  readonly socket: number
  /** The listener's, in the Shift. */
  readonly place: number
}

export type Routes = readonly (readonly [listener: number, route: Route])[]

/** The arguments of one `net.Server.listen`, after Node's own parsing and name lookup. */
export interface ListenRequest {
  readonly type: 'listen'
  /** IP address; null: '::', or '0.0.0.0' without IPv6. The file's path when `port` is -1. */
  readonly address: string | null
  readonly port: number
  readonly addressType: number
  /** 0: Node's default. */
  readonly backlog: number
  readonly ipv6Only: boolean
  readonly reusePort: boolean
  /** The server's connections shall have TCP_NODELAY. */
  readonly noDelay: boolean
  /**
   * Of a server with TLS, by which it makes session tickets; null also if they are the app's own.
   */
  readonly ticketKeys: Uint8Array | null
}

export interface LeaveRequest {
  readonly type: 'leave'
  readonly listener: number
}

/** The app has a handler for the signal now. */
export interface HandleRequest {
  readonly type: 'handle'
  readonly signal: NodeJS.Signals
}

/**
 * Whether other workers listen on a Unix socket's path; or removes its file, unless they do. Main
 * does so for all, one after the other: of two that start at the same time, the second would find
 * it gone.
 */
export interface PathRequest {
  readonly type: 'path'
  readonly path: string
  readonly remove: boolean
}

/** A UDP socket, to be shared. */
export interface BindRequest {
  readonly type: 'bind'
  readonly family: 'udp4' | 'udp6'
  /** IP address. */
  readonly address: string
  readonly port: number
  readonly ipv6Only: boolean
  /** Others may have the same address: SO_REUSEADDR. */
  readonly reusePort: boolean
  /** libuv's. */
  readonly flags: number
}

export interface UnbindRequest {
  readonly type: 'unbind'
  readonly socket: number
}

/** What a worker asks and waits for. */
export type Call = BindRequest | UnbindRequest | ListenRequest | LeaveRequest | PathRequest | HandleRequest

export type Reply =
  | {
      readonly type: 'listening'
      readonly listener: number
      readonly route: Route
      readonly links: Links
      /** What it is bound to: an IP socket's address, or the file's path. */
      readonly address: { readonly address: string; readonly family: string; readonly port: number } | string
      /** The listening socket, for the worker to share while it takes part. */
      readonly fd: number
      /** Connections begin with TCP_NODELAY. */
      readonly noDelay: boolean
      /** Those of the first of the listener's servers: all use them that have none of the app's. */
      readonly ticketKeys: Uint8Array | null
    }
  | { readonly type: 'handles' }
  | { readonly type: 'left'; readonly links: Links }
  /** The main thread's descriptor, open until `unbind`. */
  | { readonly type: 'bound'; readonly socket: number; readonly fd: number }
  | { readonly type: 'unbound' }
  /** `isOurs`: others listen there; or they have removed the file, or it is removed now. */
  | { readonly type: 'path'; readonly isOurs: boolean }
  /**
   * The bind or listen failed; `errno` is negative, as libuv's. `address` is what was tried last.
   */
  | { readonly type: 'failed'; readonly errno: number; readonly address: string | null }
  /** The balancer itself cannot do it. */
  | { readonly type: 'refused'; readonly code: string; readonly message: string }

/** Worker to main, not waited for. */
export type Notice =
  /** A server of the app's listens: its start is done. `thread` is the worker's. */
  | { readonly type: 'listening'; readonly thread: NativeThread }
  /** The worker has no server for a connection that it was dealt. */
  | { readonly type: 'return'; readonly listener: number; readonly fd: number; readonly stamp: number }
  /** The device that the link of this generation goes to has failed. */
  | { readonly type: 'device-failed'; readonly generation: number; readonly code: ErrorCode; readonly message: string }
  /**
   * An uncaught error, as text: it outlives the thread, and the error itself may not be cloneable.
   */
  | { readonly type: 'uncaught'; readonly text: string }
  /**
   * Told to drain, it has closed its servers; not sent if the app's own handler of the signal was
   * called instead.
   */
  | { readonly type: 'closing' }
  /** It can do no more just now, or can again. */
  | { readonly type: 'overloaded'; readonly overloaded: boolean }
  /**
   * Accepting for itself, it closed so many connections at once for want of descriptors. They are
   * counted.
   */
  | { readonly type: 'shed'; readonly connections: number }
  /** The app has no handler for the signal any more. */
  | { readonly type: 'unhandle'; readonly signal: NodeJS.Signals }
  /** Its handlers have sent the signal again: they only cleaned up, and leave it to main. */
  | { readonly type: 'raised'; readonly signal: NodeJS.Signals }
  /** The worker ends, and has not written this to the descriptor. */
  | { readonly type: 'output'; readonly fd: 1 | 2; readonly data: Uint8Array }
  /** The app reads process.stdin. */
  | { readonly type: 'stdin' }
  | { readonly type: 'debug'; readonly line: string }

export type ToMain = Notice | { readonly type: 'call'; readonly id: number; readonly call: Call }

export type ToWorker =
  /** The drain is about to come: connections end with their next response. */
  | { readonly type: 'ending' }
  /**
   * Close the servers, or let the app's own handler of the signal do it. What is open at the
   * deadline (of `Date.now()`) is cut.
   */
  | { readonly type: 'drain'; readonly signal: NodeJS.Signals; readonly deadline: number }
  /** The process got this signal, for which the app has handlers. */
  | { readonly type: 'signal'; readonly signal: NodeJS.Signals }
  /** Main's acceptor rests. */
  | { readonly type: 'relieve' }
  /** So many workers have a thread now: they share what the device can count. */
  | { readonly type: 'share'; readonly workers: number }
  /** This process's stdin, which the worker reads, has failed. */
  | {
      readonly type: 'stdin-failed'
      readonly message: string
      readonly properties: Pick<NodeJS.ErrnoException, 'code' | 'errno' | 'syscall'>
    }
  /**
   * Connections come another way from now on. It may be late: the worker may have left a listener
   * meanwhile, and joined it again by a later route.
   */
  | { readonly type: 'routes'; readonly links: Links; readonly routes: Routes }
  /** Close what is open, and exit. */
  | { readonly type: 'exit' }
  /** The device has failed: from now on connections come by this link. */
  | {
      readonly type: 'switch'
      readonly link: WorkerLink
      readonly links: Links
      readonly routes: Routes
    }
  | Take

/** A connection, given without a device. */
export interface Take {
  readonly type: 'take'
  readonly listener: number
  readonly fd: number
  readonly stamp: number
}
