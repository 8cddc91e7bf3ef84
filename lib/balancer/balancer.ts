import { EventEmitter } from 'node:events'
import type { AddressInfo } from 'node:net'
import { show } from '../device/check.ts'
import { NodeDlbError } from '../errors.ts'
import { Ledger } from '../ledger/ledger.ts'
import { LedgerRecovery } from '../ledger/recovery.ts'
import { loadAddon, type NativeThread } from '../native.ts'
import { proxiedClientOf } from '../net/proxied-client.ts'
import { print } from '../print.ts'
import type { Call, Notice, PathRequest, Reply, WorkerLink } from '../protocol.ts'
import { workerIndex } from '../this-worker.ts'
import { Rest } from './dispatch/accept-switch.ts'
import { Admission } from './dispatch/admission.ts'
import { Dealer } from './dispatch/dealer.ts'
import type { DeviceFacts, Fabric, FabricHooks } from './dispatch/fabric.ts'
import { openFabric, openFallback } from './dispatch/open-domain.ts'
import { ClientTable } from './dispatch/policies/client-table.ts'
import { Datagrams } from './listeners/datagrams.ts'
import { StaleFiles } from './listeners/stale-files.ts'
import { ListenerTable } from './listeners/table.ts'
import { type CloseOptions, checkSignal, readCloseOptions } from './options/close-options.ts'
import { type BalancerOptions, type ResolvedOptions, resolveOptions } from './options/options.ts'
import { Cuts } from './stats/cuts.ts'
import { type Health, takeHealth } from './stats/health.ts'
import { type Shed, Sheds } from './stats/sheds.ts'
import { type BalancerStats, takeStats } from './stats/stats.ts'
import { AppSignals } from './workers/app-signals.ts'
import { Drain } from './workers/drain.ts'
import { Eligibility } from './workers/eligibility.ts'
import { Parking } from './workers/parking.ts'
import { Rolling, type RollingReport } from './workers/rolling-restart.ts'
import { StallWatch } from './workers/stall-detector.ts'
import { EntryFailedError, Startup } from './workers/start-watch.ts'
import { passStdin } from './workers/stdin.ts'
import { type Death, Supervisor } from './workers/supervisor.ts'
import { ThreadTimes } from './workers/thread-times.ts'
import type { WorkerExit, WorkerThread } from './workers/worker-thread.ts'

export interface BalancerEvents {
  /** A listening socket was opened: what `server.address()` gives in the workers. */
  listening: [address: AddressInfo | string]
  /** A worker's thread was started, for the first time or again. */
  'worker-start': [worker: { worker: number; threadId: number }]
  /**
   * A worker's thread has ended. Without a listener, an uncaught error of it is printed to stderr.
   */
  'worker-exit': [death: Death]
  /**
   * It has not listened within `startTimeout` (5 s if that is 0), and nothing else tells so, as the
   * rejection of `reload()` does. Without a listener, it is a process warning.
   */
  'worker-late': [worker: { worker: number; timeout: number }]
  /** Connections of the worker, which was to end, are open at the deadline, and are cut now. */
  cut: [worker: { worker: number; connections: number }]
  /** `reload()` has put the worker `by` into the place of `worker`. */
  'worker-replaced': [worker: { worker: number; by: number }]
  /**
   * The DLB device could not be had (told once, at the start), or has failed; this one has taken
   * its place. Without a listener, it is a process warning.
   */
  fallback: [device: DeviceFacts]
  /**
   * The app of a worker has a handler for the signal, the first that has; or the last has taken its
   * own back. The process's signals are the program's: it listens for this one, and passes it on by
   * `signal()`, or leaves it.
   */
  'signal-handler': [handler: { signal: NodeJS.Signals; handled: boolean }]
  /**
   * The worker was given the signal by `signal()`; but its handlers only clean up, and leave what
   * is to come of it to the program.
   */
  'signal-raised': [worker: { worker: number; signal: NodeJS.Signals }]
  /**
   * Connections were closed at once: told of the first, and then once a minute of those that came
   * since. `limit` is how many descriptors the process may have open.
   */
  shed: [shed: Shed & { limit: number }]
  /** Nothing is left open. */
  close: [report: CloseReport]
  /**
   * A listening socket has failed and accepts no more (ERR_DLB_LISTEN); or the device has, and
   * nothing is to take its place: the balancer closes then.
   */
  error: [error: NodeDlbError]
}

export interface CloseReport {
  /** Connections that were open or waiting at the deadline. */
  readonly cut: number
  /**
   * What the apps make of being told to finish, as a process's exit code: the first that is not 0
   * of a worker that ended itself since `close()` was called, by process.exit, process.exitCode or
   * an uncaught error; else 0.
   */
  readonly exitCode: number
  /** The last figures. */
  readonly stats: BalancerStats
}

/**
 * Deals the connections of one process to worker threads. Made by `startBalancer`.
 *
 * Thread: the one that started it, for everything. Its event loop accepts connections where the
 * workers do not, and watches over the workers, so it should not be blocked for long. 'error'
 * throws without a listener, as any EventEmitter's.
 */
export class Balancer extends EventEmitter<BalancerEvents> {
  readonly #options: ResolvedOptions
  readonly #ledger: Ledger
  readonly #recovery: LedgerRecovery
  /** Of the policy `affinity`. */
  readonly #clients: ClientTable
  readonly #table: ListenerTable
  readonly #supervisor: Supervisor
  readonly #startup: Startup
  /**
   * Of workers that have not listened yet: the first ones', and those of workers that were added.
   */
  readonly #startups = new Set<Startup>()
  readonly #eligibility: Eligibility
  readonly #threadTimes: ThreadTimes
  readonly #stallWatch: StallWatch | null
  readonly #rest: Rest
  readonly #admission: Admission | null
  readonly #parking: Parking | null
  readonly #rolling: Rolling
  /** Replaced together when the device fails. */
  #fabric: Fabric
  #dealer: Dealer
  /** Under way: of single workers, and of all. */
  readonly #drains = new Set<Drain>()
  readonly #cuts = new Cuts()
  readonly #staleFiles = new StaleFiles()
  readonly #datagrams = new Datagrams()
  readonly #sheds = new Sheds((shed) => this.emit('shed', { ...shed, limit: loadAddon().fdLimit() }))
  readonly #appSignals = new AppSignals((signal, handled) => this.emit('signal-handler', { signal, handled }))
  #started: Promise<void> | null = null
  #closed: Promise<CloseReport> | null = null
  #lastStats: BalancerStats | null = null
  #exitCode = 0
  /** What the addon closes, should this thread end before the balancer is closed. */
  #guard: number | null = null
  /** The device has failed, and nothing takes its place. */
  #deviceLost = false

  /**
   * Builds all that needs no thread. @throws what `startBalancer` rejects with; nothing is left
   * open then.
   */
  constructor(options: ResolvedOptions) {
    super()
    const { workers, slots, stallTimeout, startTimeout } = options
    const fdLimit = loadAddon().fdLimit()
    this.#options = options
    this.#ledger = Ledger.create({ fdLimit, workers: slots })
    this.#recovery = new LedgerRecovery(this.#ledger)
    this.#clients = new ClientTable({
      timeout: options.affinityTimeout,
      isOpen: (fd, stamp) => this.#ledger.isOpen(fd, stamp),
    })
    this.#threadTimes = new ThreadTimes(slots)
    this.#eligibility = new Eligibility(slots, (worker, eligible) => {
      this.#ledger.shift.setHeld(worker, !eligible)
      this.#fabric.setEligible(worker, eligible)
      this.#table.eligibilityChanged()
      if (eligible && this.#ledger.shift.isResting) this.#relieve(worker)
    })
    this.#admission = this.#createAdmission()
    this.#fabric = openFabric(options, this.#fabricHooks())
    this.#dealer = this.#createDealer()
    this.#table = new ListenerTable({
      fabric: this.#fabric,
      eligibility: this.#eligibility,
      settings: options.listeners,
      shift: this.#ledger.shift,
      // Limits are the acceptor's to keep.
      relief: this.#admission === null,
      onBatch: (listener, fds, count) => this.#onBatch(listener, fds, count),
      onShed: (count) => {
        this.#ledger.counters.countShed(count)
        this.#sheds.count('descriptors', count)
      },
      onError: (error) => this.emit('error', error),
      onServed: (unserved) => this.#dealer.deal(unserved),
      onOpen: ({ listener }) => this.emit('listening', listener.address),
      onRoutes: (worker, links, routes) => this.#supervisor.post(worker, { type: 'routes', links, routes }),
      onClose: ({ unserved }) => this.#dealer.refuse(unserved),
    })
    this.#supervisor = new Supervisor(options, this.#ledger.buffer, {
      linkFor: (worker) => this.#linkFor(worker),
      onCall: (worker, call) => this.#answer(worker, call),
      onNotice: (worker, thread, notice) => this.#onNotice(worker, thread, notice),
      onSpawn: (worker, thread) => this.#spawned(worker, thread),
      onEnd: (worker, exit) => this.#clearUpAfter(worker, exit),
      onDeath: (death) => this.#onDeath(death),
      onLate: (worker, timeout) => this.#onLate(worker, timeout),
    })
    this.#startup = new Startup(firstNumbers(workers), startTimeout)
    this.#startups.add(this.#startup)
    this.#rest = this.#createRest()
    this.#stallWatch = stallTimeout === 0 ? null : this.#createStallWatch(stallTimeout)
    this.#parking = options.parking ? this.#createParking() : null
    this.#rolling = this.#createRolling()
  }

  /**
   * Resolves once every worker listens, or has ended with code 0. Called again, it gives the same
   * promise.
   */
  start(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  async #start(): Promise<void> {
    const { words, stride, room } = this.#ledger.shift.hands
    this.#guard = loadAddon().guardLedger(this.#ledger.entries.words, words, stride, room)
    if (this.#fabric.device.fallback) this.#tellFallback()
    try {
      await Promise.all([this.#startup.done, this.#spawn(firstNumbers(this.#options.workers))])
    } catch (error) {
      await this.close({ timeout: 0 })
      throw error
    }
  }

  /** What the workers' servers listen on now, as `server.address()` gives it there. */
  get addresses(): (AddressInfo | string)[] {
    return this.#table.entries().map(({ listener }) => listener.address)
  }

  /**
   * Changes the number of workers, 1 to `maxWorkers`, while traffic flows: resolves once the new
   * ones listen, or those that are too many have ended. They finish what they have, for at most
   * `drainTimeout`. Changes wait for those before them.
   * @throws ERR_DLB_INVALID_ARGUMENT; as rejections ERR_DLB_CLOSED, and for a worker that does not
   *   come up ERR_DLB_ENTRY_FAILED, ERR_DLB_THREAD_FAILED or ERR_DLB_TIMEOUT: the others stay.
   */
  resize(workers: number): Promise<RollingReport> {
    const { maxWorkers } = this.#options
    if (!Number.isInteger(workers) || workers < 1 || workers > maxWorkers) {
      throw new NodeDlbError(
        'ERR_DLB_INVALID_ARGUMENT',
        `workers must be a whole number from 1 to ${maxWorkers}, not ${show(workers)}; start with a greater maxWorkers for more`,
      )
    }
    return this.#rolling.resize(workers)
  }

  /**
   * Replaces the workers one after the other by new threads, which run the entry as it is now: each
   * starts, listens, and only then its predecessor gets no more connections, finishes what it has
   * (for at most `drainTimeout`), and ends. Numbers change: a new worker takes a place that is
   * vacant.
   * @throws as rejections, ERR_DLB_CLOSED, and for a worker that does not come up
   *   ERR_DLB_ENTRY_FAILED, ERR_DLB_THREAD_FAILED or ERR_DLB_TIMEOUT: its predecessor stays, and so
   *   do those after it.
   */
  reload(): Promise<RollingReport> {
    return this.#rolling.reload()
  }

  /**
   * Calls the handlers that the workers' apps have for the signal, as if the process had got it on
   * one thread. @returns how many workers have one
   * @throws ERR_DLB_INVALID_ARGUMENT for what is no signal's name
   */
  signal(signal: NodeJS.Signals): number {
    checkSignal(signal)
    const workers = this.#appSignals.workersFor(signal)
    for (const worker of workers) this.#supervisor.post(worker, { type: 'signal', signal })
    return workers.length
  }

  /** Whether all workers serve, and what is wrong if not. */
  health(): Health {
    return takeHealth({
      supervisor: this.#supervisor,
      table: this.#table,
      device: this.#fabric.device,
      starting: !this.#startup.over,
      closing: this.#closed !== null,
    })
  }

  /** A plain snapshot; after the close, the last one. */
  stats(): BalancerStats {
    return this.#lastStats ?? this.#takeStats()
  }

  /**
   * Stops accepting, lets what was accepted finish, ends the workers, and gives everything back.
   * Called again, it can only bring the deadline forward, and gives the same promise.
   * @throws ERR_DLB_INVALID_ARGUMENT at once, and nothing is changed
   */
  close(options: CloseOptions = {}): Promise<CloseReport> {
    const { timeout, signal } = readCloseOptions(options, this.#options.drainTimeout)
    if (this.#closed !== null) {
      for (const drain of this.#drains) drain.hurry(timeout)
      return this.#closed
    }
    const threads = (): WorkerThread[] => this.#supervisor.running.flatMap(({ thread }) => thread ?? [])
    this.#closed = this.#close(this.#createDrain(threads, signal, timeout))
    return this.#closed
  }

  async #close(drain: Drain): Promise<CloseReport> {
    this.#rolling.stop()
    this.#rest.close()
    for (const startup of this.#startups) startup.fail(closedDuringStart())
    this.#admission?.lift()
    this.#table.stopListening(!drain.isOver)
    this.#supervisor.stopRespawning()
    // First what is still in the device is served.
    const cutOpen = await this.#run(drain, () => this.#ledger.nothingWaits)
    this.#stallWatch?.stop()
    this.#parking?.stop()
    this.#sheds.close()
    this.#clients.close()
    const cut = cutOpen + this.#refuseRest()
    this.#lastStats = this.#takeStats()
    this.#datagrams.close()
    await this.#closeFabric()
    const report = { cut, exitCode: this.#exitCode, stats: this.#lastStats }
    this.emit('close', report)
    return report
  }

  /** All is served by now, and whoever closes can do nothing about a device that fails at it. */
  async #closeFabric(): Promise<void> {
    try {
      this.#fabric.close()
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      process.emitWarning(`the device was not closed properly: ${error.message}`, 'NodeDlbWarning')
      // Node prints it on the next tick. Whoever waits for close may end the process at once.
      await new Promise<void>((resolve) => process.nextTick(resolve))
    }
  }

  /**
   * @returns how many were cut by that: those that waited for a server, and not those whose server
   *   the app had closed before.
   */
  #refuseRest(): number {
    this.#dealer.stop()
    const rest = this.#recovery.refuseAll()
    for (const { fd } of rest) loadAddon().resetFd(fd)
    if (this.#guard !== null) loadAddon().releaseLedger(this.#guard)
    const cut = rest.filter(({ listener }) => this.#table.get(listener) !== undefined).length
    this.#cuts.countWaiting(cut)
    return cut
  }

  async #run(drain: Drain, ready?: () => boolean): Promise<number> {
    this.#drains.add(drain)
    try {
      return await drain.run(ready)
    } finally {
      this.#drains.delete(drain)
    }
  }

  /** @throws ERR_DLB_INVALID_ARGUMENT for options that Node refuses, ERR_DLB_THREAD_FAILED. */
  async #spawn(workers: readonly number[]): Promise<void> {
    for (const worker of workers) this.#supervisor.start(worker)
  }

  #createRest(): Rest {
    return new Rest({
      backlogs: () => this.#table.lookAtBacklogs(),
      ledger: this.#ledger,
      onRest: (resting) => this.#onRest(resting),
      onLook: () => this.#stallWatch?.look(),
    })
  }

  #onRest(resting: boolean): void {
    this.#table.setResting(resting)
    if (!resting) {
      this.#stallWatch?.arm()
      return
    }
    for (const { index } of this.#serving()) if (this.#eligibility.isEligible(index)) this.#relieve(index)
  }

  #relieve(worker: number): void {
    this.#supervisor.post(worker, { type: 'relieve' })
  }

  #createRolling(): Rolling {
    return new Rolling({
      current: () => this.#supervisor.wanted.flatMap(({ index, state }) => (state === 'finished' ? [] : [index])),
      room: () => (this.#supervisor.vacancy === undefined ? 0 : 1),
      add: () => this.#addWorker(),
      remove: (worker) => this.#removeWorker(worker),
      replaced: (worker, by) => this.emit('worker-replaced', { worker, by }),
    })
  }

  async #addWorker(): Promise<number> {
    const worker = this.#supervisor.vacancy
    if (worker === undefined) throw new NodeDlbError('ERR_DLB_NO_RESOURCES', 'there is no place for another worker')
    const startup = new Startup([worker], this.#options.startTimeout)
    this.#startups.add(startup)
    try {
      await Promise.all([startup.done, this.#spawn([worker])])
      return worker
    } catch (error) {
      startup.fail(error as Error)
      this.#supervisor.retire(worker)
      await this.#supervisor.workers[worker].thread?.terminate()
      throw error
    } finally {
      this.#startups.delete(startup)
    }
  }

  async #removeWorker(worker: number): Promise<number> {
    const record = this.#supervisor.workers[worker]
    const { thread } = record
    this.#supervisor.retire(worker)
    if (!thread) {
      this.#table.workerFinished(worker)
      this.#datagrams.ended(worker, false)
      return 0
    }
    this.#eligibility.hold(worker, 'draining')
    const threads = (): WorkerThread[] => (record.thread === thread ? [thread] : [])
    return this.#run(this.#createDrain(threads, 'SIGTERM', this.#options.drainTimeout))
  }

  #createDrain(threads: () => WorkerThread[], signal: NodeJS.Signals, timeout: number): Drain {
    const onCut = (worker: number, connections: number): void => {
      this.#cuts.countOpen(worker, connections)
      this.emit('cut', { worker, connections })
    }
    return new Drain({ ledger: this.#ledger, threads, signal, timeout, onCut })
  }

  /** @returns null without limits, which then cost nothing. */
  #createAdmission(): Admission | null {
    const { maxConnections, maxConnectionsPerWorker, overLimit } = this.#options
    if (Math.min(maxConnections, maxConnectionsPerWorker) === Number.POSITIVE_INFINITY) return null
    return new Admission({
      ledger: this.#ledger,
      eligibility: this.#eligibility,
      serving: () => this.#serving().map(({ index }) => index),
      maxConnections,
      maxConnectionsPerWorker,
      overLimit,
    })
  }

  #createParking(): Parking {
    return new Parking({
      eligibility: this.#eligibility,
      serving: () => this.#serving(),
      inFlight: () => this.#ledger.counters.inFlight,
    })
  }

  /** The workers' threads that have a server. */
  #serving(): WorkerThread[] {
    return this.#supervisor.running.flatMap(({ index, thread }) =>
      thread && this.#table.serves(index) ? [thread] : [],
    )
  }

  #createStallWatch(timeout: number): StallWatch {
    return new StallWatch({
      timeout,
      ledger: this.#ledger,
      recovery: this.#recovery,
      eligibility: this.#eligibility,
      threads: this.#threadTimes,
      fabric: () => this.#fabric,
      isLookedAfter: () => this.#ledger.shift.isResting,
      keepsShares: () => this.#table.entries().some(({ policy }) => policy.completion === 'close'),
      serving: () => this.#serving().map(({ index }) => index),
      takeBack: (connections) => this.#dealer.recover(connections),
      deal: (connections) => this.#dealer.deal(connections),
    })
  }

  #takeStats(): BalancerStats {
    return takeStats({
      fabric: this.#fabric,
      policy: this.#options.policy,
      ledger: this.#ledger,
      table: this.#table,
      supervisor: this.#supervisor,
      eligibility: this.#eligibility,
      cuts: this.#cuts,
      waiting: this.#dealer.waiting,
      takenBack: this.#stallWatch?.takenBack ?? 0,
      health: this.health(),
    })
  }

  #fabricHooks(): FabricHooks {
    return {
      onTaken: (connections) => this.#dealer.takeBack(connections),
      onRecovered: (connections) => this.#dealer.recover(connections),
      onFailure: (error) => this.#failOver(error),
      flow: this.#ledger.counters,
      give: (worker, take) => this.#supervisor.post(worker, take),
      policies: {
        direct: (worker) => this.#ledger.counters.direct(worker),
        clients: this.#clients,
        clientOf: (fd, proxied) => (proxied ? proxiedClientOf(fd) : loadAddon().clientOf(fd)),
      },
    }
  }

  #createDealer(): Dealer {
    const { slots, maxRetries, debug } = this.#options
    return new Dealer({
      fabric: this.#fabric,
      ledger: this.#ledger,
      maxRetries,
      admission: this.#admission,
      findListener: (id) => this.#table.get(id),
      onBlocked: (blocked) => this.#onBlocked(blocked),
      onShed: (reason, connections) => this.#sheds.count(reason, connections),
      onSent: () => this.#stallWatch?.arm(),
      // In Envoy's log every thread is a worker; ours accepts only, and is numbered after the
      // workers.
      debug: debug && ((line) => debug(`worker_${slots} ${line}`)),
    })
  }

  #onBatch(listener: number, fds: Int32Array, count: number): void {
    this.#dealer.accept(listener, fds, count)
    if (this.#table.hasRelief(listener) && !this.#dealer.blocked) this.#rest.dealt()
  }

  #onBlocked(blocked: boolean): void {
    if (blocked) this.#rest.end()
    this.#table.setBlocked(blocked)
  }

  #linkFor(worker: number): WorkerLink {
    const others = this.#supervisor.running.filter(({ index }) => index !== worker)
    return { generation: this.#table.generation, device: this.#fabric.linkFor(worker, others.length + 1) }
  }

  #spawned(worker: number, { threadId }: WorkerThread): void {
    this.#shareCounting()
    this.emit('worker-start', { worker, threadId })
  }

  /** Another number of workers have a thread. */
  #shareCounting(): void {
    if (!this.#fabric.sharesCounting) return
    this.#supervisor.broadcast({ type: 'share', workers: this.#supervisor.running.length })
  }

  /**
   * The device has failed. What was adopted is not touched by that. What was not is still open, and
   * the ledger knows all of it: it is dealt anew, by what takes the device's place. A worker that
   * has received some of it and not adopted it finds it stale.
   */
  #failOver(error: NodeDlbError): void {
    if (this.#lastStats || this.#deviceLost) return
    this.#rest.end()
    const waiting = this.#dealer.stop()
    closeQuietly(this.#fabric)
    const stranded = [...waiting, ...this.#recovery.takeInDevice()]
    try {
      this.#fabric = openFallback(this.#options, this.#fabricHooks(), error)
    } catch (cause) {
      this.#dealer.refuse(stranded)
      this.#giveUp(cause as NodeDlbError)
      return
    }
    this.#dealer = this.#createDealer()
    for (const { index } of this.#supervisor.workers) {
      if (!this.#eligibility.isEligible(index)) this.#fabric.setEligible(index, false)
    }
    this.#table.connect(this.#fabric)
    this.#table.setBlocked(false)
    const routes = this.#table.routes()
    for (const { index } of this.#supervisor.running) {
      const links = this.#table.linksOf(index)
      this.#supervisor.post(index, { type: 'switch', link: this.#linkFor(index), links, routes })
    }
    this.#dealer.deal(stranded)
    this.#tellFallback()
  }

  #giveUp(cause: NodeDlbError): void {
    this.#deviceLost = true
    this.#table.stopListening(false)
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
    if (call.type === 'bind') return this.#datagrams.join(worker, call)
    if (call.type === 'unbind') {
      this.#datagrams.leave(worker, call.socket)
      return { type: 'unbound' }
    }
    if (call.type === 'path') return { type: 'path', isOurs: this.#isOurs(worker, call) }
    if (call.type === 'leave') {
      this.#table.leave(worker, call.listener)
      return { type: 'left', links: this.#table.linksOf(worker) }
    }
    if (call.type === 'handle') {
      this.#appSignals.handled(worker, call.signal)
      return { type: 'handles' }
    }
    return this.#table.join(worker, call)
  }

  #isOurs(worker: number, { path, remove }: PathRequest): boolean {
    return this.#table.isOthersPath(worker, path) || (remove && this.#staleFiles.remove(path))
  }

  #onNotice(worker: number, thread: WorkerThread, notice: Notice): void {
    if (notice.type === 'listening') this.#onListening(worker, notice.thread)
    else if (notice.type === 'return') this.#dealer.takeBack([notice])
    else if (notice.type === 'device-failed') this.#onDeviceFailed(notice)
    else if (notice.type === 'closing') for (const drain of this.#drains) drain.closing(worker)
    else if (notice.type === 'shed') this.#sheds.count('descriptors', notice.connections)
    else if (notice.type === 'overloaded') this.#onOverloaded(worker, notice.overloaded)
    else if (notice.type === 'unhandle') this.#appSignals.unhandled(worker, notice.signal)
    else if (notice.type === 'raised') this.emit('signal-raised', { worker, signal: notice.signal })
    else if (notice.type === 'debug') this.#options.debug?.(notice.line)
    else if (notice.type === 'stdin' && this.#options.stdin) passStdin(thread.worker, (failure) => thread.post(failure))
  }

  #onOverloaded(worker: number, overloaded: boolean): void {
    if (overloaded) this.#eligibility.hold(worker, 'overloaded')
    else this.#eligibility.letGo(worker, 'overloaded')
  }

  #onListening(worker: number, thread: NativeThread): void {
    this.#threadTimes.started(worker, thread)
    this.#supervisor.started(worker)
    for (const startup of this.#startups) startup.settle(worker)
  }

  #onLate(worker: number, timeout: number): void {
    const isAwaited = [...this.#startups].some((startup) => startup.awaits(worker))
    if (isAwaited && this.#options.startTimeout > 0) return
    if (this.emit('worker-late', { worker, timeout })) return
    process.emitWarning(`worker_${worker} does not listen after ${timeout / 1000} s`, 'NodeDlbWarning')
  }

  /** Each worker notices it. */
  #onDeviceFailed({ generation, code, message }: Extract<Notice, { type: 'device-failed' }>): void {
    if (generation === this.#table.generation) this.#failOver(new NodeDlbError(code, message))
  }

  /**
   * The worker's thread has ended: what it had adopted is closed, and what it was dealt goes to the
   * others.
   */
  #clearUpAfter(worker: number, exit: WorkerExit): 'respawn' | 'finished' {
    const { retiring } = this.#supervisor.workers[worker]
    if (this.#closed && exit.byItself) this.#exitCode ||= exit.code
    const finished = retiring || (exit.code === 0 && exit.byItself)
    if (finished) this.#table.workerFinished(worker)
    else this.#table.workerDied(worker)
    this.#datagrams.ended(worker, !finished)
    this.#fabric.recover(worker)
    this.#ledger.counters.setCounting(worker, 0, 0)
    this.#shareCounting()
    this.#emptyHandOf(worker)
    this.#dealer.deal(this.#recovery.takeSentTo(worker))
    // The thread ended while it took these: if Node had a handle on one, the number may be somebody
    // else's by now.
    for (const fd of this.#recovery.takeOwnedBy(worker)) {
      if (this.#recovery.isOrphan(fd) && this.#table.listenerOf(fd) !== undefined) loadAddon().resetFd(fd)
    }
    this.#fabric.policies.ended(worker)
    this.#threadTimes.ended(worker)
    this.#eligibility.forget(worker)
    this.#appSignals.ended(worker, !finished)
    if (this.#startup.failed) return 'finished'
    const startup = [...this.#startups].find((each) => each.awaits(worker))
    if (!startup) return finished ? 'finished' : 'respawn'
    if (finished) startup.settle(worker)
    else startup.fail(exit.failure ?? new EntryFailedError(worker, this.#options.entry, exit))
    return 'finished'
  }

  /** What it had accepted in the acceptor's stead, and may not have sent. */
  #emptyHandOf(worker: number): void {
    const { connections, fds } = this.#recovery.takeHand(worker)
    this.#dealer.deal(connections)
    for (const fd of fds) {
      const listener = this.#table.listenerOf(fd)
      if (listener !== undefined) this.#dealer.accept(listener, Int32Array.of(fd), 1)
      else this.#shed(fd)
    }
  }

  /** Its listener is closed. */
  #shed(fd: number): void {
    this.#ledger.counters.countShed(1)
    loadAddon().resetFd(fd)
  }

  #onDeath(death: Death): void {
    const told = this.emit('worker-exit', death)
    if (!told && death.error !== null && !this.#startup.failed) print(2, `${death.error}\n`)
    if (this.#supervisor.wanted.every(({ state }) => state === 'finished')) void this.close()
  }
}

/**
 * Runs `entry` in worker threads, and deals the connections of all its servers to them.
 *
 * Resolves once every worker of the first generation listens, or has ended with code 0.
 * @throws (as a rejection, with nothing left behind) ERR_DLB_INVALID_ARGUMENT, ERR_DLB_IN_WORKER,
 *   ERR_DLB_ENTRY_FAILED (`exitCode`, `workerError`), ERR_DLB_THREAD_FAILED, ERR_DLB_TIMEOUT,
 *   ERR_DLB_CLOSED, ERR_DLB_ADDON_UNAVAILABLE; with `fallbackPolicy: 'none'` also
 *   ERR_DLB_DEVICE_UNAVAILABLE, ERR_DLB_NO_RESOURCES and ERR_DLB_DEVICE_FAILED
 */
export async function startBalancer(options: BalancerOptions): Promise<Balancer> {
  if (workerIndex() !== null) throw inWorker()
  const balancer = new Balancer(resolveOptions(options))
  await balancer.start()
  return balancer
}

function firstNumbers(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number)
}

/** A device that has failed may fail to close, too. */
function closeQuietly(fabric: Fabric): void {
  try {
    fabric.close()
  } catch {
    // Why it is closed is told.
  }
}

/** Each worker would start workers, and so on without end. */
function inWorker(): NodeDlbError {
  return new NodeDlbError(
    'ERR_DLB_IN_WORKER',
    "startBalancer() was called in a balancer's worker, which would start a balancer of its own. If the entry is the file that starts the " +
      'balancer, put the server into a file of its own and name that as entry, or start the balancer only where isMainThread of ' +
      'node:worker_threads is true. If `node-dlb run` runs this file, run it by node',
  )
}

function closedDuringStart(): NodeDlbError {
  return new NodeDlbError('ERR_DLB_CLOSED', 'the balancer was closed before all workers listened')
}
