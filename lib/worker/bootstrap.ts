import Module, { syncBuiltinESMExports } from 'node:module'
import { inspect } from 'node:util'
import workerThreads from 'node:worker_threads'
import { NodeDlbError } from '../errors.ts'
import { Ledger } from '../ledger/ledger.ts'
import { setAddonFile } from '../native.ts'
import type { Links, Routes, ToWorker, WorkerBoot, WorkerLink } from '../protocol.ts'
import { announceWorker } from '../this-worker.ts'
import { Adopter } from './connections/adopter.ts'
import { followTransfers } from './connections/transfers.ts'
import { WorkerDomain } from './connections/worker-domain.ts'
import { Control } from './control.ts'
import { drain } from './drain/drain.ts'
import { tellOfDrain } from './drain/drain-notice.ts'
import { destroySessions } from './drain/http2-sessions.ts'
import { endWithNextResponse } from './drain/last-responses.ts'
import { DatagramHook } from './listen/datagram-hook.ts'
import { ListenHook } from './listen/listen-hook.ts'
import { Listening } from './listen/listening.ts'
import { OwnPaths } from './listen/own-paths.ts'
import { rememberTicketKeys } from './listen/ticket-keys.ts'
import { findTcp } from './node-handles.ts'
import { Overload } from './overload.ts'
import { callHandlers, tellOfHandlers } from './process/app-signals.ts'
import { useOwnEnvironment } from './process/environment.ts'
import { refuseFork } from './process/no-cluster.ts'
import { openStdio } from './process/stdio.ts'

/** `import()`, which start.ts passes to this text. */
declare const importModule: (url: string) => Promise<unknown>

/**
 * The code with which a balancer's worker threads begin (see start.ts). It connects the thread to
 * the device and to main, hooks `listen`, and then runs the user's entry, which is the thread's
 * main module in all respects.
 */
const boot = workerThreads.workerData as WorkerBoot
setAddonFile(boot.addon)
const control = new Control(boot)
const ledger = new Ledger(boot.ledger)
const debug = boot.debug
  ? (line: string) => control.post({ type: 'debug', line: `worker_${boot.index} ${line}` })
  : null
if (boot.environment) useOwnEnvironment(boot.environment)
openStdio(control)
rememberTicketKeys()
process.on('exit', destroySessions)
reportEnd()
endInAnyCase()
const ownPaths = new OwnPaths(isOurs)
const listening = new Listening(control, findTcp(), (path) => ownPaths.listens(path))
if (boot.hook) ownPaths.install()
let draining = false
const adopter = new Adopter({ ledger, worker: boot.index, members: listening, control })
connect(boot.link, null, [])
const hook = new ListenHook(listening)
followTransfers(listening)
if (boot.hook) {
  hook.installForAll()
  new DatagramHook(control).install()
}
const overload = new Overload(boot.maxEventLoopDelay, (overloaded) => control.post({ type: 'overloaded', overloaded }))
announceWorker({
  index: boot.index,
  attach: (server) => hook.installFor(server),
  reportOverloaded: (overloaded) => overload.report(overloaded),
  ledger,
})
refuseFork()
listenToMain()
tellOfHandlers(control)
announceStdin()
runEntry()

/** Connects the worker to a domain, at the start and again when the device has failed. */
function connect(link: WorkerLink, links: Links | null, routes: Routes): void {
  listening.connect(openDomain(link), link.domainNumber, links, routes)
}

/** @returns null if the device does not work: main is told, and sends the next link */
function openDomain({ domainNumber, domain }: WorkerLink): WorkerDomain | null {
  const onFailure = ({ code, message }: NodeDlbError): void => {
    // Main has closed the device, and is about to say why.
    if (code !== 'ERR_DLB_CLOSED') control.post({ type: 'device-failed', domainNumber, code, message })
  }
  const onShed = (connections: number): void => control.post({ type: 'shed', connections })
  try {
    return new WorkerDomain(domain, { ledger, worker: boot.index, adopter, onShed, onFailure, debug })
  } catch (error) {
    if (!(error instanceof NodeDlbError) || domain.token?.nodeDlbDomain !== 'dlb') throw error
    onFailure(error)
    return null
  }
}

function isOurs(path: string, remove: boolean): boolean {
  const reply = control.call({ type: 'path', path, remove })
  return reply.type === 'path' && reply.isOurs
}

function listenToMain(): void {
  control.onMessage((message) => {
    if (message.type === 'exit') process.exit()
    else if (message.type === 'switch') connect(message.link, message.links, message.routes)
    else if (message.type === 'connection') listening.receive(message.connection)
    else if (message.type === 'signal') onSignal(message.signal)
    else if (message.type === 'stdin-failed') failStdin(message)
    else if (message.type === 'workers-accept') listening.workersAccept()
    else if (message.type === 'share') listening.shareAmong(message.workers)
    else if (message.type === 'routes') listening.reroute(message.links, message.routes)
    else if (message.type === 'ending') listening.servers().forEach(endWithNextResponse)
    else beginDrain(message)
  })
}

/**
 * Drains the worker, once. A worker that is being replaced when the balancer closes is told twice,
 * and signal handlers would take the second call for an order to stop.
 */
function beginDrain({ signal, deadline }: Extract<ToWorker, { type: 'drain' }>): void {
  if (draining) return
  draining = true
  // Subscribers are called first: a WebSocket server says goodbye to its clients, whose connections
  // Node does not know.
  tellOfDrain({ worker: boot.index, signal, deadline, timeout: Math.max(0, deadline - Date.now()) })
  drain(listening.servers(), signal, () => control.post({ type: 'closing' }))
}

function onSignal(signal: NodeJS.Signals): void {
  if (!callHandlers(signal, 0)) control.post({ type: 'raised', signal })
}

function reportEnd(): void {
  process.on('uncaughtExceptionMonitor', (error) => {
    // This file's own frames are left out, because they say nothing about the app.
    const lines = inspect(error).split('\n')
    const text = lines.filter((line) => !line.includes(`(${__filename}:`)).join('\n')
    control.post({ type: 'uncaught', text })
  })
}

/**
 * Makes process.exit() end the worker even if a handler of 'exit' throws. In this case Node ends a
 * process, but silently lets a worker live on while something holds its loop. So the error is
 * printed here, as Node prints it on a single thread, and the worker ends.
 */
function endInAnyCase(): void {
  const { exit } = process
  const node = process as unknown as { _exiting?: boolean; reallyExit(code: unknown): never }
  // For Node, an exit code that is undefined differs from no exit code.
  process.exit = (...code) => {
    try {
      return exit.apply(process, code)
    } catch (error) {
      // Node has refused the exit code.
      if (!node._exiting) throw error
      process.stderr.write(`${inspect(error)}\n`)
      return node.reallyExit(process.exitCode)
    }
  }
}

function failStdin({ message, properties }: Extract<ToWorker, { type: 'stdin-failed' }>): void {
  const { stdin } = process
  stdin.destroy(Object.assign(new Error(message), properties))
  // Node's own listener, the first one, releases the worker's loop at 'end', which does not come
  // here.
  stdin.listeners('end')[0]?.call(stdin)
}

/**
 * Asks main for its stdin once the app reads from stdin, and not before, because reading a terminal
 * has effects.
 */
function announceStdin(): void {
  const { stdin } = process
  const read = stdin._read
  stdin._read = function (size) {
    stdin._read = read
    control.post({ type: 'stdin' })
    read.call(this, size)
  }
}

/**
 * Runs the entry as plain Node does: it is the main module (`require.main`, `import.meta.main`),
 * whether it is CommonJS, ESM or TypeScript, and argv is its own. An entry whose URL has a query is
 * imported, so that it keeps the query, and is no main module. It runs on a later turn of the loop,
 * so that an error that it throws is an uncaught exception of the entry and not of this module.
 */
function runEntry(): void {
  ;(workerThreads as { workerData: unknown }).workerData = boot.userData
  syncBuiltinESMExports()
  process.argv.splice(1, Number.POSITIVE_INFINITY, boot.entry, ...boot.argv)
  setImmediate(() => {
    // A query has no meaning for a CommonJS module, and Node runs main modules by path.
    if (boot.entryUrl !== null && !/\.c[jt]s$/.test(boot.entry)) void importModule(boot.entryUrl)
    else (Module as unknown as { runMain(main: string): void }).runMain(boot.entry)
  })
}
