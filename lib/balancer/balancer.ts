import { EventEmitter } from 'node:events'
import type { AddressInfo } from 'node:net'
import { show } from '../device/check.ts'
import { NodeDlbError } from '../errors.ts'
import { Ledger } from '../ledger/ledger.ts'
import { LedgerRecovery } from '../ledger/recovery.ts'
import { loadAddon } from '../native.ts'
import { workerIndex } from '../this-worker.ts'
import { Closing } from './closing.ts'
import { AcceptSwitch, type AcceptSwitchParts } from './dispatch/accept-switch.ts'
import { Admission, hasLimits } from './dispatch/admission.ts'
import { Dispatch } from './dispatch/dispatch.ts'
import { FailOver } from './dispatch/fail-over.ts'
import { ClientTable } from './dispatch/policies/client-table.ts'
import type { BalancerEvents, CloseReport, Events } from './events.ts'
import { LedgerGuard } from './ledger-guard.ts'
import { ListenerRouter } from './listener-router.ts'
import { Datagrams } from './listeners/datagrams.ts'
import { StaleFiles } from './listeners/stale-files.ts'
import { ListenerTable } from './listeners/table.ts'
import type { BalancerOptions } from './options/balancer-options.ts'
import { type CloseOptions, checkSignal, readCloseOptions } from './options/close-options.ts'
import { type ResolvedOptions, resolveOptions } from './options/options.ts'
import { Cuts } from './stats/cuts.ts'
import type { Health } from './stats/health.ts'
import { Sheds } from './stats/sheds.ts'
import { Snapshots } from './stats/snapshots.ts'
import type { BalancerStats } from './stats/stats.ts'
import { AppSignals } from './workers/app-signals.ts'
import { DeathCleanUp } from './workers/death-clean-up.ts'
import { Drains } from './workers/drains.ts'
import { Eligibility } from './workers/eligibility.ts'
import { MessageRouter } from './workers/message-router.ts'
import { Parking } from './workers/parking.ts'
import { type RollingReport, RollingRestart } from './workers/rolling-restart.ts'
import { Roster } from './workers/roster.ts'
import { ServingWorkers } from './workers/serving-workers.ts'
import { StallDetector } from './workers/stall-detector.ts'
import { StartWatches } from './workers/start-watches.ts'
import { Supervisor } from './workers/supervisor.ts'
import { ThreadTimes } from './workers/thread-times.ts'
import { WorkerLinks } from './workers/worker-links.ts'
import { Workers } from './workers/workers.ts'

/**
 * Deals the connections of one process to worker threads. `startBalancer` makes it.
 *
 * Thread: all calls are made on the thread that started it. That thread's event loop accepts
 * connections while workers do not, and watches over the workers, so it should not be blocked for
 * long. As with any EventEmitter, an 'error' event without a listener throws.
 */
export class Balancer extends EventEmitter<BalancerEvents> {
  readonly #options: ResolvedOptions
  readonly #guard: LedgerGuard
  readonly #table: ListenerTable
  readonly #workers: Workers
  readonly #supervisor: Supervisor
  readonly #starts: StartWatches
  readonly #appSignals: AppSignals
  readonly #rolling: RollingRestart
  readonly #dispatch: Dispatch
  readonly #failOver: FailOver
  readonly #snapshots: Snapshots
  readonly #closing: Closing
  #started: Promise<void> | null = null

  /**
   * Builds everything but the workers' threads, each part after those that it works with.
   * @throws what `startBalancer` rejects with; then nothing is left open
   */
  constructor(options: ResolvedOptions) {
    super()
    const basics = { ...createBasics(options, this), options, events: this, balancer: this }
    const dispatching = { ...basics, ...createDispatching(basics) }
    // From here on nothing throws: the start watches have timers.
    const starts = new StartWatches(options, this)
    const linked = { ...dispatching, starts, links: new WorkerLinks(dispatching) }
    const guarded = { ...linked, failOver: new FailOver(linked) }
    guarded.dispatch.begin(guarded)
    const attended = { ...guarded, messages: new MessageRouter(guarded), deaths: new DeathCleanUp(guarded) }
    const supervised = { ...attended, supervisor: new Supervisor(attended) }
    const parking = options.parking ? new Parking(supervised) : null
    const rolling = new RollingRestart(new Roster(supervised), this)
    const snapshots = new Snapshots(supervised)
    const { stalls, sheds, clients, failOver } = supervised
    const watches = [stalls, parking, sheds, clients, failOver].filter((watch) => watch !== null)
    this.#closing = new Closing({ ...supervised, rolling, snapshots, watches })
    this.#rolling = rolling
    this.#snapshots = snapshots
    this.#options = options
    this.#guard = supervised.guard
    this.#table = supervised.table
    this.#workers = supervised.workers
    this.#supervisor = supervised.supervisor
    this.#starts = starts
    this.#appSignals = supervised.appSignals
    this.#dispatch = supervised.dispatch
    this.#failOver = supervised.failOver
  }

  /**
   * Starts the workers. Resolves once every worker listens, or has ended with code 0. Further calls
   * return the same promise.
   */
  start(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  async #start(): Promise<void> {
    this.#guard.begin()
    if (this.#dispatch.domain.device.fallback) this.#failOver.tell()
    try {
      await Promise.all([this.#starts.first.done, this.#startWorkers()])
    } catch (error) {
      await this.close({ timeout: 0 })
      throw error
    }
  }

  /** @throws ERR_DLB_INVALID_ARGUMENT for options that Node refuses, ERR_DLB_THREAD_FAILED. */
  async #startWorkers(): Promise<void> {
    for (let worker = 0; worker < this.#options.workers; worker++) this.#supervisor.start(worker)
  }

  /**
   * The addresses that the workers' servers listen on now, as `server.address()` gives them there.
   */
  get addresses(): (AddressInfo | string)[] {
    return this.#table.listeners().map(({ address }) => address)
  }

  /**
   * Changes the number of workers, 1 to `maxWorkers`, while traffic flows. Resolves once the new
   * workers listen, or the surplus ones have ended. Those finish the connections that they have,
   * for at most `drainTimeout`. Each change waits for those before it.
   * @throws ERR_DLB_INVALID_ARGUMENT; as rejections ERR_DLB_CLOSED, and, if a new worker does not
   *   come to listen, ERR_DLB_ENTRY_FAILED, ERR_DLB_THREAD_FAILED or ERR_DLB_TIMEOUT: then the
   *   other workers stay
   */
  resize(workers: number): Promise<RollingReport> {
    const { maxWorkers } = this.#options
    if (!Number.isInteger(workers) || workers < 1 || workers > maxWorkers) {
      throw new NodeDlbError(
        'ERR_DLB_INVALID_ARGUMENT',
        `workers must be a whole number from 1 to ${maxWorkers}, not ${show(workers)}; start with a greater ` +
          'maxWorkers for more',
      )
    }
    return this.#rolling.resize(workers)
  }

  /**
   * Replaces the workers one after the other by new threads, which run the entry as it is now. A
   * new worker starts and listens. Then the worker that it replaces gets no new connections,
   * finishes those that it has (for at most `drainTimeout`), and ends. Workers get other numbers,
   * because a new worker takes a vacant place.
   * @throws as rejections ERR_DLB_CLOSED, and, if a new worker does not come to listen,
   *   ERR_DLB_ENTRY_FAILED, ERR_DLB_THREAD_FAILED or ERR_DLB_TIMEOUT: then the worker that it was
   *   to replace and all later ones stay
   */
  reload(): Promise<RollingReport> {
    return this.#rolling.reload()
  }

  /**
   * Calls the handlers that the workers' apps have for the signal, as a signal of the process would
   * in an app on a single thread.
   * @returns the number of workers that have a handler
   * @throws ERR_DLB_INVALID_ARGUMENT if it is not the name of a signal
   */
  signal(signal: NodeJS.Signals): number {
    checkSignal(signal)
    const workers = this.#appSignals.workersFor(signal)
    for (const worker of workers) this.#workers.post(worker, { type: 'signal', signal })
    return workers.length
  }

  /** Whether all workers serve, and what is wrong if not. */
  health(): Health {
    return this.#snapshots.health()
  }

  /** The figures of this moment, as plain data; after the close, the last ones. */
  stats(): BalancerStats {
    return this.#snapshots.stats()
  }

  /**
   * Stops accepting, lets accepted connections finish, ends the workers, and releases all
   * resources. Further calls return the same promise, and can only move the deadline forward.
   * @throws ERR_DLB_INVALID_ARGUMENT at once; then nothing has changed
   */
  close(options: CloseOptions = {}): Promise<CloseReport> {
    const { timeout, signal } = readCloseOptions(options, this.#options.drainTimeout)
    return this.#closing.close(signal, timeout)
  }
}

/** The parts that work with no others, or only with each other. */
function createBasics(options: ResolvedOptions, events: Events) {
  const { workerPlaces, affinityTimeout } = options
  const ledger = Ledger.create({ fdLimit: loadAddon().fdLimit(), workers: workerPlaces })
  const cuts = new Cuts()
  return {
    ledger,
    recovery: new LedgerRecovery(ledger),
    guard: new LedgerGuard(ledger),
    clients: new ClientTable({ timeout: affinityTimeout, isOpen: (fd, stamp) => ledger.isOpen(fd, stamp) }),
    workers: new Workers(workerPlaces),
    eligibility: new Eligibility(workerPlaces),
    threadTimes: new ThreadTimes(workerPlaces),
    drains: new Drains(ledger, cuts, events),
    cuts,
    sheds: new Sheds((shed) => events.emit('shed', { ...shed, limit: loadAddon().fdLimit() })),
    appSignals: new AppSignals((signal, handled) => events.emit('signal-handler', { signal, handled })),
    datagrams: new Datagrams(),
    staleFiles: new StaleFiles(),
  }
}

interface Basics extends ReturnType<typeof createBasics> {
  readonly options: ResolvedOptions
  readonly events: Events
}

/** The parts through which connections travel. @throws as `openDomain` */
function createDispatching(basics: Basics) {
  const { options, workers, eligibility } = basics
  const dispatch = new Dispatch(basics)
  const table = new ListenerTable({
    domain: dispatch.domain,
    eligibility,
    settings: options.listeners,
    acceptMode: basics.ledger.acceptMode,
    // Main enforces the limits, so workers do not accept if there are any.
    workersMayAccept: !hasLimits(options),
    host: new ListenerRouter({ ...basics, dispatch }),
  })
  const serving = new ServingWorkers(workers, table)
  const parts = { ...basics, dispatch, table, serving }
  const admission = hasLimits(options) ? new Admission(parts) : null
  const stalls = options.stallTimeout === 0 ? null : new StallDetector(parts)
  const acceptSwitch = createAcceptSwitch({ ...parts, stalls })
  for (const observer of [acceptSwitch, dispatch, table]) eligibility.observe(observer)
  return { dispatch, table, serving, admission, stalls, acceptSwitch }
}

/** @throws if no descriptor is left for its waker; the device is closed then */
function createAcceptSwitch(parts: AcceptSwitchParts & { readonly dispatch: Dispatch }): AcceptSwitch {
  try {
    return new AcceptSwitch(parts)
  } catch (error) {
    parts.dispatch.domain.close()
    throw error
  }
}

/**
 * Runs `entry` in worker threads, and deals the connections of all its servers to them.
 *
 * Resolves once every worker that it starts listens, or has ended with code 0.
 * @throws (as a rejection, with nothing left open) ERR_DLB_INVALID_ARGUMENT, ERR_DLB_IN_WORKER,
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

/** The error of a call in a worker: there each worker would start workers, without end. */
function inWorker(): NodeDlbError {
  return new NodeDlbError(
    'ERR_DLB_IN_WORKER',
    "startBalancer() was called in a balancer's worker, which would start a balancer of its own. If the entry is " +
      'the file that starts the balancer, put the server into a file of its own and name that as entry, or start ' +
      'the balancer only where isMainThread of node:worker_threads is true. If `node-dlb run` runs this file, run ' +
      'it by node',
  )
}
