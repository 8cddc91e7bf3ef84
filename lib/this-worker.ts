import type { Server } from 'node:net'
import { checkBoolean, show } from './device/check.ts'
import { NodeDlbError } from './errors.ts'
import type { Ledger } from './ledger/ledger.ts'

/**
 * The key of the property of globalThis under which code in a balancer's worker finds the worker.
 * It is a registered symbol, because the app's copy of node-dlb may be another one than the copy
 * that started the worker (a global `node-dlb run` and a local dependency).
 */
const KEY = Symbol.for('node-dlb.worker')

export interface ThisWorker {
  /** The worker's index, 0 to the number of workers - 1. A respawned worker keeps it. */
  readonly index: number
  readonly attach: (server: Server) => void
  readonly reportOverloaded: (overloaded: boolean) => void
  /** For the bench, which reads when a connection was accepted. */
  readonly ledger: Pick<Ledger, 'opened'>
}

type Global = { [KEY]?: ThisWorker }

export function announceWorker(worker: ThisWorker): void {
  ;(globalThis as Global)[KEY] = worker
}

/** The index of the balancer's worker that this thread is, or null in any other thread. */
export function workerIndex(): number | null {
  return (globalThis as Global)[KEY]?.index ?? null
}

/**
 * Lets the balancer serve this server: what the server listens on afterwards is a listener of the
 * balancer's. This is for `startBalancer({ hook: false })`, where other servers of the app keep
 * their own sockets; otherwise it is harmless. Call it before `listen()`, in a balancer's worker.
 * @returns the server
 * @throws ERR_DLB_INVALID_ARGUMENT unless it is a server of node:net or derived from one (http,
 *   https, http2, tls); ERR_DLB_NOT_A_WORKER in any other thread
 */
export function attach<S extends Server>(server: S): S {
  if (!isServer(server)) {
    throw new NodeDlbError(
      'ERR_DLB_INVALID_ARGUMENT',
      `server must be a server of node:net, http, https, http2 or tls, not ${show(server)}`,
    )
  }
  thisWorker('attach').attach(server)
  return server
}

/**
 * Reports that this worker can take no more connections (true), or that it can again (false). While
 * it is overloaded, other workers get the new connections; while all workers are, accepting is
 * paused. Use it for load that only the app knows of, such as a long queue of its own; see also the
 * option `maxEventLoopDelay`.
 * @throws ERR_DLB_INVALID_ARGUMENT unless `overloaded` is a boolean; ERR_DLB_NOT_A_WORKER in any
 *   other thread
 */
export function reportOverloaded(overloaded: boolean): void {
  checkBoolean('overloaded', overloaded)
  thisWorker('reportOverloaded').reportOverloaded(overloaded)
}

/** `instanceof` of a Proxy may throw. */
function isServer(value: unknown): boolean {
  try {
    return value instanceof process.getBuiltinModule('node:net').Server
  } catch {
    return false
  }
}

function thisWorker(call: string): ThisWorker {
  const worker = (globalThis as Global)[KEY]
  if (worker) return worker
  throw new NodeDlbError(
    'ERR_DLB_NOT_A_WORKER',
    `${call}() works in a balancer's worker thread: start this file by startBalancer({ entry }) or \`node-dlb run\``,
  )
}
