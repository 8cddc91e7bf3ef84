import type { Server } from 'node:net'
import { checkBoolean, show } from './device/check.ts'
import { NodeDlbError } from './errors.ts'
import type { Ledger } from './ledger/ledger.ts'

/**
 * Where a balancer's worker is found by code that runs in it. On globalThis under a registered
 * symbol, because the app's copy of node-dlb need not be the one that started it (a global
 * `node-dlb run` and a local dependency).
 */
const KEY = Symbol.for('node-dlb.worker')

export interface ThisWorker {
  /** 0 … workers - 1; a respawned worker keeps it. */
  readonly index: number
  readonly attach: (server: Server) => void
  readonly reportOverloaded: (overloaded: boolean) => void
  /** For the bench, which looks when a connection was accepted. */
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
 * Lets the balancer serve this server: what the server `listen`s on afterwards is a listener of the
 * balancer's. Of use with `startBalancer({ hook: false })`, where other servers of the app keep
 * their own sockets; harmless otherwise. Call it before `listen()`, in a balancer's worker.
 * @returns the server
 * @throws ERR_DLB_INVALID_ARGUMENT unless it is a server of node:net or of what is made of one
 *   (http, https, http2, tls); ERR_DLB_NOT_A_WORKER in any other thread
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
 * Says that this worker can take no more connections, until it says that it can again: meanwhile
 * others get them, and if all say so, accepting stops. For what only the app knows, such as a queue
 * that is too long; see also the option `maxEventLoopDelay`.
 * @throws ERR_DLB_NOT_A_WORKER in any other thread, ERR_DLB_INVALID_ARGUMENT
 */
export function reportOverloaded(overloaded: boolean): void {
  checkBoolean('overloaded', overloaded)
  thisWorker('reportOverloaded').reportOverloaded(overloaded)
}

/** A Proxy's answer may be that it throws. */
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
