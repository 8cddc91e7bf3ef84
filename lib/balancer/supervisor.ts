import type { Call, Notice, Reply, ToWorker, WorkerLink } from '../worker/protocol.ts'
import type { ResolvedOptions } from './options.ts'
import { type WorkerEvents, type WorkerExit, WorkerThread } from './worker-thread.ts'

/**
 * - running: its thread lives
 * - waiting: it died, and its successor starts after a delay
 * - finished: it ended with code 0 since it had nothing left to do, or without a server
 */
export type WorkerState = 'running' | 'waiting' | 'finished'

/** One worker, over all its lives. */
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
}

export interface Death extends Pick<WorkerExit, 'code' | 'error'> {
  readonly worker: number
  /** Milliseconds until its successor starts; null if it has none. */
  readonly respawnIn: number | null
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
}

/** A worker that has lived so long was healthy: its death is the first in a row. */
const STABLE_MS = 10_000

/** Keeps the workers' threads running: one that dies is respawned, after a wait that doubles with each death in a row. */
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
    this.#workers = Array.from({ length: options.workers }, (_, index) => ({
      index,
      state: 'waiting',
      thread: null,
      deaths: 0,
      deathsInARow: 0,
      startedAt: 0,
      respawn: null,
    }))
  }

  get workers(): readonly Readonly<WorkerRecord>[] {
    return this.#workers
  }

  get running(): Readonly<WorkerRecord>[] {
    return this.#workers.filter(({ thread }) => thread !== null)
  }

  /** @throws ERR_DLB_INVALID_ARGUMENT */
  async start(): Promise<void> {
    for (const worker of this.#workers) this.#spawn(worker)
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
    const needed = this.#hooks.onEnd(worker.index, exit) === 'respawn' && this.#respawning
    worker.state = needed ? 'waiting' : 'finished'
    if (needed) worker.deaths++
    const respawnIn = needed ? this.#respawnLater(worker) : null
    this.#hooks.onDeath({ worker: worker.index, code: exit.code, error: exit.error, respawnIn })
  }

  #spawn(worker: WorkerRecord): void {
    worker.respawn = null
    worker.state = 'running'
    worker.startedAt = performance.now()
    const link = this.#hooks.linkFor(worker.index)
    const thread = new WorkerThread(worker.index, link, this.#ledger, this.#options, this)
    worker.thread = thread
    this.#hooks.onSpawn(worker.index, thread)
  }

  /** @returns the wait in ms */
  #respawnLater(worker: WorkerRecord): number {
    const { respawnDelay, maxRespawnDelay } = this.#options
    if (performance.now() - worker.startedAt >= STABLE_MS) worker.deathsInARow = 0
    const wait = Math.min(maxRespawnDelay, respawnDelay * 2 ** worker.deathsInARow)
    worker.deathsInARow++
    worker.respawn = setTimeout(() => this.#spawn(worker), wait)
    return wait
  }
}
