import { EventEmitter } from 'node:events'
import type { AddressInfo } from 'node:net'
import { NodeDlbError } from '../errors.ts'
import { loadAddon } from '../native.ts'
import type { Call, Notice, Reply, WorkerLink } from '../worker/protocol.ts'
import { Dealer } from './dealer.ts'
import { Drain } from './drain.ts'
import { type DeviceFacts, type Fabric, type FabricHooks, openFabric, openFallback } from './fabric.ts'
import { Ledger } from './ledger.ts'
import { ListenerTable, type TableEntry } from './listener-table.ts'
import { type BalancerOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import { EntryFailedError, Startup } from './startup.ts'
import { type BalancerStats, takeStats } from './stats.ts'
import { passStdin } from './stdin.ts'
import { type Death, Supervisor } from './supervisor.ts'
import type { WorkerExit, WorkerThread } from './worker-thread.ts'

export interface BalancerEvents {
  /** A listening socket was opened: what `server.address()` gives in the workers. */
  listening: [address: AddressInfo | string]
  /** A worker's thread was started, for the first time or again. */
  'worker-start': [worker: { worker: number; threadId: number }]
  /** A worker's thread has ended. Without a listener, an uncaught error of it is printed to stderr. */
  'worker-exit': [death: Death]
  /**
   * The DLB device could not be had (told once, at the start), or has failed; this one has taken its place. Without a
   * listener, it is a process warning.
   */
  fallback: [device: DeviceFacts]
  /** Nothing is left open. */
  close: [report: CloseReport]
  /**
   * A listening socket has failed and accepts no more (ERR_DLB_LISTEN); or the device has, and nothing is to take its place:
   * the balancer closes then.
   */
  error: [error: NodeDlbError]
}

export interface CloseOptions {
  /** Milliseconds for connections to finish; 0 cuts at once. Default: the balancer's `drainTimeout`. */
  readonly timeout?: number
  /** Given to apps that have a handler for it. Default SIGTERM. */
  readonly signal?: NodeJS.Signals
}

export interface CloseReport {
  /** Connections that were open or waiting at the deadline. */
  readonly cut: number
  /** The last figures. */
  readonly stats: BalancerStats
}

/**
 * Deals the connections of one process to worker threads. Made by `startBalancer`.
 *
 * Thread: the one that started it, for everything. Its event loop accepts all connections, so it should not be
 * blocked for long.
 */
export class Balancer extends EventEmitter<BalancerEvents> {
  readonly #options: ResolvedOptions
  readonly #ledger: Ledger
  readonly #table: ListenerTable
  readonly #supervisor: Supervisor
  readonly #startup: Startup
  /** Replaced together when the device fails. */
  #fabric: Fabric
  #dealer: Dealer
  #drain: Drain | null = null
  #closed: Promise<CloseReport> | null = null
  #lastStats: BalancerStats | null = null
  /** The device has failed, and nothing takes its place. */
  #deviceLost = false

  /** Builds all that needs no thread. @throws what `startBalancer` rejects with; nothing is left open then. */
  constructor(options: ResolvedOptions) {
    super()
    const { workers } = options
    const fdLimit = loadAddon().fdLimit()
    this.#options = options
    this.#ledger = Ledger.create({ fdLimit, workers })
    this.#fabric = openFabric(options, this.#fabricHooks())
    this.#dealer = this.#createDealer()
    this.#table = new ListenerTable({
      fabric: this.#fabric,
      settings: options.listeners,
      onBatch: (listener, fds, count) => this.#dealer.accept(listener, fds, count),
      onShed: (count) => this.#ledger.shed(count),
      onError: (error) => this.emit('error', error),
      onServed: (parked) => this.#dealer.deal(parked),
      onOpen: (entry) => this.#opened(entry),
      onClose: (entry) => this.#listenerClosed(entry),
    })
    this.#supervisor = new Supervisor(options, this.#ledger.buffer, {
      linkFor: (worker) => this.#linkFor(worker),
      onCall: (worker, call) => this.#answer(worker, call),
      onNotice: (worker, thread, notice) => this.#onNotice(worker, thread, notice),
      onSpawn: (worker, thread) => this.emit('worker-start', { worker, threadId: thread.threadId }),
      onEnd: (worker, exit) => this.#clearUpAfter(worker, exit),
      onDeath: (death) => this.#onDeath(death),
    })
    this.#startup = new Startup(workers, options.startTimeout)
  }

  /** Resolves once every worker listens, or has ended with code 0. Once only. */
  async start(): Promise<void> {
    if (this.#fabric.device.fallback) this.#tellFallback()
    try {
      await Promise.all([this.#startup.done, this.#supervisor.start()])
    } catch (error) {
      await this.close({ timeout: 0 })
      throw error
    }
  }

  /** What the workers' servers listen on now, as `server.address()` gives it there. */
  get addresses(): (AddressInfo | string)[] {
    return this.#table.entries().map(({ listener }) => listener.address)
  }

  /** A plain snapshot; after the close, the last one. */
  stats(): BalancerStats {
    return this.#lastStats ?? this.#takeStats()
  }

  /**
   * Stops accepting, lets what was accepted finish, ends the workers, and gives everything back. Called again, it can
   * only bring the deadline forward, and gives the same promise.
   */
  close(options: CloseOptions = {}): Promise<CloseReport> {
    const { timeout = this.#options.drainTimeout, signal = 'SIGTERM' } = options
    if (this.#closed) {
      this.#drain?.hurry(timeout)
      return this.#closed
    }
    this.#drain = new Drain(this.#ledger, this.#supervisor, signal, timeout)
    this.#closed = this.#close(this.#drain)
    return this.#closed
  }

  async #close(drain: Drain): Promise<CloseReport> {
    if (!this.#startup.over) this.#startup.fail(closedDuringStart())
    this.#table.stopListening()
    const cut = await drain.run()
    this.#dealer.close()
    for (const fd of this.#ledger.refuseAll()) loadAddon().resetFd(fd)
    this.#lastStats = this.#takeStats()
    this.#fabric.close()
    const report = { cut, stats: this.#lastStats }
    this.emit('close', report)
    return report
  }

  #takeStats(): BalancerStats {
    return takeStats({
      fabric: this.#fabric,
      policy: this.#options.policy,
      ledger: this.#ledger,
      table: this.#table,
      supervisor: this.#supervisor,
      waiting: this.#dealer.waiting,
    })
  }

  #fabricHooks(): FabricHooks {
    return {
      onTaken: (connections) => this.#dealer.takeBack(connections),
      onRecovered: (connections) => this.#dealer.recover(connections),
      onFailure: (error) => this.#failOver(error),
      give: (worker, take) => this.#supervisor.post(worker, take),
      policies: {
        direct: (worker) => this.#ledger.direct(worker),
        isOpen: (fd, stamp) => this.#ledger.isOpen(fd, stamp),
        clientOf: (fd) => loadAddon().clientOf(fd),
      },
    }
  }

  #createDealer(): Dealer {
    const { workers, maxRetries, debug } = this.#options
    return new Dealer({
      fabric: this.#fabric,
      ledger: this.#ledger,
      maxRetries,
      findListener: (id) => this.#table.get(id),
      onBlocked: (blocked) => this.#table.setBlocked(blocked),
      // In Envoy's log every thread is a worker; ours accepts only, and is numbered after the workers.
      debug: debug && ((line) => debug(`worker_${workers} ${line}`)),
    })
  }

  #linkFor(worker: number): WorkerLink {
    return { generation: this.#table.generation, device: this.#fabric.linkFor(worker) }
  }

  /**
   * The device has failed. What was adopted is not touched by that. What was not is still open, and the ledger knows all
   * of it: it is dealt anew, by what takes the device's place. A worker that has received some of it and not adopted
   * it finds it stale.
   */
  #failOver(error: NodeDlbError): void {
    if (this.#lastStats || this.#deviceLost) return
    const waiting = this.#dealer.abandon()
    closeQuietly(this.#fabric)
    const stranded = [...waiting, ...this.#ledger.takeInDevice()]
    try {
      this.#fabric = openFallback(this.#options, this.#fabricHooks(), error)
    } catch (cause) {
      this.#dealer.refuse(stranded)
      this.#giveUp(cause as NodeDlbError)
      return
    }
    this.#dealer = this.#createDealer()
    this.#table.connect(this.#fabric)
    this.#table.setBlocked(false)
    const routes = this.#table.routes()
    for (const { index } of this.#supervisor.running) {
      this.#supervisor.post(index, { type: 'switch', link: this.#linkFor(index), routes })
    }
    this.#dealer.deal(stranded)
    this.#tellFallback()
  }

  #giveUp(cause: NodeDlbError): void {
    this.#deviceLost = true
    this.#table.stopListening()
    const error = new NodeDlbError('ERR_DLB_DEVICE_FAILED', `the device has failed: ${cause.message}`, { cause })
    if (this.#startup.over) {
      void this.close()
      this.emit('error', error)
    } else {
      this.#startup.fail(error)
    }
  }

  #tellFallback(): void {
    const { device } = this.#fabric
    if (this.emit('fallback', device)) return
    process.emitWarning(`${device.kind === 'none' ? 'no' : device.kind} device, ${device.reason}`, 'NodeDlbWarning')
  }

  #answer(worker: number, call: Call): Reply {
    if (call.type === 'leave') {
      this.#table.leave(worker, call.listener)
      return { type: 'left' }
    }
    return this.#table.join(worker, call)
  }

  #onNotice(worker: number, thread: WorkerThread, notice: Notice): void {
    if (notice.type === 'listening') this.#startup.settle(worker)
    else if (notice.type === 'return') this.#dealer.takeBack([notice])
    else if (notice.type === 'device-failed') this.#onDeviceFailed(notice)
    else if (notice.type === 'closing') this.#drain?.closing(worker)
    else if (notice.type === 'debug') this.#options.debug?.(notice.line)
    else if (notice.type === 'stdin' && this.#options.stdin) passStdin(thread.worker)
  }

  /** Each worker notices it. */
  #onDeviceFailed({ generation, code, message }: Extract<Notice, { type: 'device-failed' }>): void {
    if (generation === this.#table.generation) this.#failOver(new NodeDlbError(code, message))
  }

  /** The worker's thread has ended: what it had adopted is closed, and what it was dealt goes to the others. */
  #clearUpAfter(worker: number, exit: WorkerExit): 'respawn' | 'finished' {
    const finished = exit.finished || (exit.code === 0 && !this.#table.serves(worker))
    if (finished) this.#table.workerFinished(worker)
    else this.#table.workerDied(worker)
    this.#fabric.recover(worker)
    // The thread ended while it took these: if Node had a handle on one, the number may be somebody else's by now.
    for (const fd of this.#ledger.takeOwnedBy(worker)) {
      if (this.#table.hasConnection(fd)) loadAddon().resetFd(fd)
    }
    this.#fabric.policies.ended(worker)
    if (this.#startup.failed) return 'finished'
    if (!this.#startup.awaits(worker)) return finished ? 'finished' : 'respawn'
    if (finished) this.#startup.settle(worker)
    else this.#startup.fail(new EntryFailedError(worker, this.#options.entry, exit))
    return 'finished'
  }

  #onDeath(death: Death): void {
    const told = this.emit('worker-exit', death)
    if (!told && death.error !== null && !this.#startup.failed) process.stderr.write(`${death.error}\n`)
    if (this.#supervisor.workers.every(({ state }) => state === 'finished')) void this.close()
  }

  #opened({ queue, listener }: TableEntry): void {
    if (queue) this.#fabric.release(queue)
    this.emit('listening', listener.address)
  }

  #listenerClosed({ queue, parked }: TableEntry): void {
    this.#dealer.refuse(parked)
    if (queue) this.#fabric.drain(queue)
  }
}

/**
 * Runs `entry` in worker threads, and deals the connections of all its servers to them.
 *
 * Resolves once every worker of the first generation listens, or has ended with code 0.
 * @throws (as a rejection, with nothing left behind) ERR_DLB_INVALID_ARGUMENT, ERR_DLB_ENTRY_FAILED (`exitCode`,
 *   `workerError`), ERR_DLB_TIMEOUT, ERR_DLB_ADDON_UNAVAILABLE, ERR_DLB_DEVICE_UNAVAILABLE, ERR_DLB_NO_RESOURCES
 */
export async function startBalancer(options: BalancerOptions): Promise<Balancer> {
  const balancer = new Balancer(resolveOptions(options))
  await balancer.start()
  return balancer
}

/** Of a device that has failed, closing may fail, too. */
function closeQuietly(fabric: Fabric): void {
  try {
    fabric.close()
  } catch {
    // Why it is closed is told.
  }
}

function closedDuringStart(): NodeDlbError {
  return new NodeDlbError('ERR_DLB_CLOSED', 'the balancer was closed before all workers listened')
}
