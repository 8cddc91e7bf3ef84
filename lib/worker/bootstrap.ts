import Module, { syncBuiltinESMExports } from 'node:module'
import { inspect } from 'node:util'
import workerThreads from 'node:worker_threads'
import { Ledger } from '../balancer/ledger.ts'
import { attachDomain } from '../device/open.ts'
import { Adoption } from './adoption.ts'
import { Control } from './control.ts'
import { drain } from './drain.ts'
import { type Delivery, INBOX_BATCH, Inbox } from './inbox.ts'
import { ListenHook } from './listen-hook.ts'
import { Listening } from './listening.ts'
import { findTcp, type StreamHandleConstructor } from './node-handles.ts'
import type { WorkerBoot } from './protocol.ts'
import { announceWorker } from './this-worker.ts'

/**
 * The file that a balancer's worker threads start with. It connects the thread to the device and to main, hooks
 * `listen`, and hands over to the user's entry, which then is the thread's main module in all respects.
 */
const boot = workerThreads.workerData as WorkerBoot
const control = new Control(boot)
control.post({ type: 'loaded' })
reportEnd()
const domain = attachDomain(boot.domain)
const port = domain.attachPort(boot.port)
// The links of the thread that had the port before, if one had: this one has no servers yet.
for (const queue of boot.queues) port.unlink(queue)
const Tcp = findTcp()
const listening = new Listening(control, port, Tcp)
const hook = new ListenHook(listening)
new Inbox({
  port,
  events: domain.createEvents(INBOX_BATCH),
  releases: port.id.kind === 'load-balanced',
  adopt: createAdopt(),
  debug: boot.debug ? (line) => control.post({ type: 'debug', line: `worker_${boot.index} ${line}` }) : null,
}).open()
port.enable()
if (boot.hook) hook.installForAll()
announceWorker({ index: boot.index, attach: (server) => hook.installFor(server) })
listenToMain()
announceStdin()
runEntry()

function createAdopt(): (listener: number, fd: number, stamp: number) => Delivery | null {
  const ledger = new Ledger(boot.ledger)
  const adoptions = new Map<StreamHandleConstructor, Adoption>()
  const adoptionFor = (Handle: StreamHandleConstructor): Adoption => {
    const adoption = adoptions.get(Handle) ?? new Adoption(Handle, ledger, boot.index)
    adoptions.set(Handle, adoption)
    return adoption
  }
  return (listener, fd, stamp) => {
    const member = listening.find(listener)
    if (!member) {
      // Dealt before the server closed: main deals it again.
      control.post({ type: 'return', listener, fd, stamp })
      return null
    }
    const client = adoptionFor(member.Handle).adopt(fd, stamp)
    return client && { client, server: member.handle }
  }
}

function listenToMain(): void {
  control.onMessage((message) => {
    if (message.type === 'exit') process.exit()
    else drain(listening.servers(), message.signal, () => control.post({ type: 'closing' }))
  })
}

function reportEnd(): void {
  process.on('beforeExit', () => control.post({ type: 'idle' }))
  process.on('uncaughtExceptionMonitor', (error) => control.post({ type: 'uncaught', text: inspect(error) }))
}

/** Main passes its stdin on once the app reads from it, and not before: reading it has effects on a terminal. */
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
 * The entry as plain Node runs it: the module is the main one (`require.main`, `import.meta.main`), whether CommonJS,
 * ESM or TypeScript, and argv is its own. On a turn of its own, so that an error it throws is an uncaught exception
 * of the entry and not of this module.
 */
function runEntry(): void {
  ;(workerThreads as { workerData: unknown }).workerData = boot.userData
  syncBuiltinESMExports()
  process.argv.splice(1, Number.POSITIVE_INFINITY, boot.entry, ...boot.argv)
  setImmediate(() => (Module as unknown as { runMain(main: string): void }).runMain(boot.entry))
}
