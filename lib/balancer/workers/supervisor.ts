import type { Call, Notice, Reply, ToWorker, WorkerLink } from '../../protocol.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { threadFailure } from './thread-failure.ts'
import { type WorkerEvents, type WorkerExit, WorkerThread } from './worker-thread.ts'

/**
 * - running: its thread lives
 * - waiting: it died, and its successor starts after a delay
 * - finished: it has ended itself with code 0
 * - vacant: there is none; `resize()` and `reload()` start workers in vacant places, and leave
 *   others vacant
 */
export type WorkerState = 'running' | 'waiting' | 'finished' | 'vacant'

/** One place for a worker, over all lives of it. */
export interface WorkerRecord {
  readonly index: number
  state: WorkerState
  thread: WorkerThread | null
  /** Deaths so far. */
  deaths: number
  /** Deaths in a row: each doubles the wait. */
  deathsInARow: number
  startedAt: number
  respawn: NodeJS.Timeout | null
  /** Who ends leaves the place vacant. */
  retiring: boolean
  /** It lives, and is to listen before this goes off. */
  late: NodeJS.Timeout | null
}

export interface Death extends Pick<WorkerExit, 'code' | 'error'> {
  readonly worker: number
  /** Milliseconds until its successor starts; null if it has none. */
  readonly respawnIn: number | null
  /** It has ended itself with code 0, unasked: hence it has no successor. */
  readonly finished: boolean
}

export interface SupervisorHooks {
  /** How the worker that starts now gets its connections. */
  linkFor(worker: number): WorkerLink
  onCall(worker: number, call: Call): Reply
  onNotice(worker: number, thread: WorkerThread, notice: Notice): void
  onSpawn(worker: number, thread: WorkerThread): void
  /** The thread is gone. `onEnd` clears up after it and says whether the worker is needed again. */
  onEnd(worker: number, exit: WorkerExit): 'respawn' | 'finished'
  onDeath(death: Death): void
  /** It has not listened within so many ms. */
  onLate(worker: number, timeout: number): void
}

/** A worker that has lived so long was healthy: its death is the first in a row. */
export const STABLE_MS = 10_000

/** Who does not listen after so long is late, if no `startTimeout` says when. */
const LATE_MS = 5000

/**
 * Keeps the workers' threads running: one that dies is respawned, after a wait that doubles with
 * each death in a row.
 */
export class Supervisor implements WorkerEvents {
  readonly #options: ResolvedOptions
  readonly #ledger: SharedArrayBuffer
  readonly #hooks: SupervisorHooks
  readonly #workers: readonly WorkerRecord[]
  #respawning = true

  constructor(options: ResolvedOptions, ledger: SharedArrayBuffer, hooks: SupervisorHooks) {
    this.#options = options
    this.#ledger = ledger
    this.#hooks = hooks
    this.#workers = Array.from({ length: options.slots }, (_, index) => ({
      index,
      state: 'vacant',
      thread: null,
      deaths: 0,
      deathsInARow: 0,
      startedAt: 0,
      respawn: null,
      retiring: false,
      late: null,
    }))
  }

  get workers(): readonly Readonly<WorkerRecord>[] {
    return this.#workers
  }

  get running(): Readonly<WorkerRecord>[] {
    return this.#workers.filter(({ thread }) => thread !== null)
  }

  /** Places that are not vacant, and whose worker is not to end. */
  get wanted(): Readonly<WorkerRecord>[] {
    return this.#workers.filter(({ state, retiring }) => state !== 'vacant' && !retiring)
  }

  /**
   * The first place without a worker, of those that finished the last; undefined if there is none.
   */
  get vacancy(): number | undefined {
    const first = (wanted: WorkerState): number | undefined =>
      this.#workers.find(({ state }) => state === wanted)?.index
    return first('vacant') ?? first('finished')
  }

  /**
   * Starts a worker in a vacant place. @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_THREAD_FAILED: the
   * place stays vacant.
   */
  start(index: number): void {
    const worker = this.#workers[index]
    worker.deathsInARow = 0
    worker.retiring = false
    this.#runs(worker, this.#startThread(worker))
  }

  /** It listens: its start is done. */
  started(index: number): void {
    this.#onTime(this.#workers[index])
  }

  /**
   * From here on the worker has no successor: its place is vacant once its thread, if it has one,
   * has ended.
   */
  retire(index: number): void {
    const worker = this.#workers[index]
    worker.retiring = true
    this.#onTime(worker)
    if (worker.respawn) clearTimeout(worker.respawn)
    worker.respawn = null
    if (!worker.thread) worker.state = 'vacant'
  }

  post(worker: number, message: ToWorker): void {
    this.#workers[worker].thread?.post(message)
  }

  broadcast(message: ToWorker): void {
    for (const { thread } of this.#workers) thread?.post(message)
  }

  /** Who ends from here on stays away. */
  stopRespawning(): void {
    this.#respawning = false
    for (const worker of this.#workers) {
      if (worker.respawn) clearTimeout(worker.respawn)
      worker.respawn = null
    }
  }

  /** Ends all threads, and waits until they are gone and cleared up after. */
  async terminate(): Promise<void> {
    this.stopRespawning()
    await Promise.all(this.#workers.map(({ thread }) => thread?.terminate()))
  }

  onCall(thread: WorkerThread, call: Call): Reply {
    return this.#hooks.onCall(thread.index, call)
  }

  onNotice(thread: WorkerThread, notice: Notice): void {
    this.#hooks.onNotice(thread.index, thread, notice)
  }

  onExit(thread: WorkerThread, exit: WorkerExit): void {
    const worker = this.#workers[thread.index]
    worker.thread = null
    this.#onTime(worker)
    const needed = this.#hooks.onEnd(worker.index, exit) === 'respawn' && this.#respawning && !worker.retiring
    if (needed) {
      this.#died(worker, exit)
      return
    }
    worker.state = worker.retiring ? 'vacant' : 'finished'
    const { code, error, byItself } = exit
    const finished = code === 0 && byItself && this.#respawning && !worker.retiring
    this.#hooks.onDeath({ worker: worker.index, code, error, respawnIn: null, finished })
  }

  #died(worker: WorkerRecord, { code, error }: Pick<WorkerExit, 'code' | 'error'>): void {
    worker.deaths++
    worker.state = 'waiting'
    const respawnIn = this.#respawnLater(worker)
    this.#hooks.onDeath({ worker: worker.index, code, error, respawnIn, finished: false })
  }

  /**
   * A successor that cannot be started has died: what it lacks now, the machine may have again
   * later.
   */
  #respawn(worker: WorkerRecord): void {
    worker.respawn = null
    let thread: WorkerThread
    try {
      thread = this.#startThread(worker)
    } catch (error) {
      this.#died(worker, { code: 1, error: (error as Error).message })
      return
    }
    this.#runs(worker, thread)
  }

  #startThread(worker: WorkerRecord): WorkerThread {
    const { index } = worker
    worker.startedAt = performance.now()
    try {
      return new WorkerThread(index, this.#hooks.linkFor(index), this.#ledger, this.#options, this)
    } catch (cause) {
      throw threadFailure(index, cause)
    }
  }

  #runs(worker: WorkerRecord, thread: WorkerThread): void {
    worker.state = 'running'
    worker.thread = thread
    const wait = this.#options.startTimeout || LATE_MS
    worker.late = setTimeout(() => this.#hooks.onLate(worker.index, wait), wait)
    // It is only told.
    worker.late.unref()
    this.#hooks.onSpawn(worker.index, thread)
  }

  #onTime(worker: WorkerRecord): void {
    if (worker.late) clearTimeout(worker.late)
    worker.late = null
  }

  /** @returns the wait in ms */
  #respawnLater(worker: WorkerRecord): number {
    const { respawnDelay, maxRespawnDelay } = this.#options
    if (performance.now() - worker.startedAt >= STABLE_MS) worker.deathsInARow = 0
    const wait = Math.min(maxRespawnDelay, respawnDelay * 2 ** worker.deathsInARow)
    worker.deathsInARow++
    worker.respawn = setTimeout(() => this.#respawn(worker), wait)
    return wait
  }
}
