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

/** `import()`, which start.ts gives to this text. */
declare const importModule: (url: string) => Promise<unknown>

/**
 * What a balancer's worker threads begin with (start.ts). It connects the thread to the device and
 * to main, hooks `listen`, and hands over to the user's entry, which then is the thread's main
 * module in all respects.
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

/** At the start, and anew when the device has failed. */
function connect(link: WorkerLink, links: Links | null, routes: Routes): void {
  listening.connect(openDomain(link), link.generation, links, routes)
}

/** @returns null if the device does not work: main is told, and says what comes next. */
function openDomain({ generation, domain }: WorkerLink): WorkerDomain | null {
  const onFailure = ({ code, message }: NodeDlbError): void => {
    // Closed by main, which is about to say why.
    if (code !== 'ERR_DLB_CLOSED') control.post({ type: 'device-failed', generation, code, message })
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
    else finish(message)
  })
}

/**
 * Once: a worker that is being replaced when the balancer closes is told twice, and handlers of
 * signals take the second for an order to stop.
 */
function finish({ signal, deadline }: Extract<ToWorker, { type: 'drain' }>): void {
  if (draining) return
  draining = true
  // Subscribers come first: a WebSocket server takes leave of its clients, whose connections Node
  // knows nothing of.
  tellOfDrain({ worker: boot.index, signal, deadline, timeout: Math.max(0, deadline - Date.now()) })
  drain(listening.servers(), signal, () => control.post({ type: 'closing' }))
}

function onSignal(signal: NodeJS.Signals): void {
  if (!callHandlers(signal, 0)) control.post({ type: 'raised', signal })
}

function reportEnd(): void {
  process.on('uncaughtExceptionMonitor', (error) => {
    // Without this file's own frames, which tell nothing of the app.
    const lines = inspect(error).split('\n')
    const text = lines.filter((line) => !line.includes(`(${__filename}:`)).join('\n')
    control.post({ type: 'uncaught', text })
  })
}

/**
 * If a handler of 'exit' throws in process.exit(), Node ends a process, but lets a worker live on
 * that something holds, without a word. So the error is printed here, as Node prints it on one
 * thread, and the worker ends.
 */
function endInAnyCase(): void {
  const { exit } = process
  const node = process as unknown as { _exiting?: boolean; reallyExit(code: unknown): never }
  // An exit code that is undefined is another thing to Node than none.
  process.exit = (...code) => {
    try {
      return exit.apply(process, code)
    } catch (error) {
      // The code is none that Node takes.
      if (!node._exiting) throw error
      process.stderr.write(`${inspect(error)}\n`)
      return node.reallyExit(process.exitCode)
    }
  }
}

function failStdin({ message, properties }: Extract<ToWorker, { type: 'stdin-failed' }>): void {
  const { stdin } = process
  stdin.destroy(Object.assign(new Error(message), properties))
  // Node's own listener, the first, lets go of the worker's loop at the end, which does not come.
  stdin.listeners('end')[0]?.call(stdin)
}

/**
 * Main passes its stdin on once the app reads from it, and not before: reading it has effects on a
 * terminal.
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
 * The entry as plain Node runs it: the module is the main one (`require.main`, `import.meta.main`),
 * whether CommonJS, ESM or TypeScript, and argv is its own. One whose URL has a query is imported,
 * so that it keeps that, and is no main module. On a turn of its own, so that an error it throws is
 * an uncaught exception of the entry and not of this module.
 */
function runEntry(): void {
  ;(workerThreads as { workerData: unknown }).workerData = boot.userData
  syncBuiltinESMExports()
  process.argv.splice(1, Number.POSITIVE_INFINITY, boot.entry, ...boot.argv)
  setImmediate(() => {
    // A query means nothing to a CommonJS module, and Node runs main modules by path.
    if (boot.entryUrl !== null && !/\.c[jt]s$/.test(boot.entry)) void importModule(boot.entryUrl)
    else (Module as unknown as { runMain(main: string): void }).runMain(boot.entry)
  })
}
