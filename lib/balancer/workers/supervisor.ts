import type { Ledger } from '../../ledger/ledger.ts'
import { print } from '../../print.ts'
import type { Closable, Events } from '../events.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { DeathCleanUp } from './death-clean-up.ts'
import type { StartWatches } from './start-watches.ts'
import { threadFailure } from './thread-failure.ts'
import type { WorkerLinks } from './worker-links.ts'
import { type WorkerExit, type WorkerExits, type WorkerMessages, WorkerThread } from './worker-thread.ts'
import { type Death, STABLE_MS, type WorkerPlace, type Workers } from './workers.ts'

export interface SupervisorParts {
  readonly options: ResolvedOptions
  readonly ledger: Ledger
  readonly workers: Workers
  readonly links: WorkerLinks
  readonly messages: WorkerMessages
  readonly starts: StartWatches
  readonly deaths: DeathCleanUp
  readonly events: Events
  readonly balancer: Closable
}

/**
 * Starts the workers' threads and keeps them running: a worker that dies is respawned, after a
 * delay that doubles with each death in a row. Main thread.
 */
export class Supervisor implements WorkerExits {
  readonly #parts: SupervisorParts
  #isRespawning = true
  #exitCode = 0

  constructor(parts: SupervisorParts) {
    this.#parts = parts
  }

  /**
   * The first exit code other than 0 of a worker that has ended itself since `stopRespawning`; 0 if
   * there is none.
   */
  get exitCode(): number {
    return this.#exitCode
  }

  /**
   * Starts a worker in a vacant place.
   * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_THREAD_FAILED; then the place stays vacant
   */
  start(index: number): void {
    const place = this.#placeOf(index)
    place.deathsInARow = 0
    place.retiring = false
    this.#runs(place, this.#startThread(place))
  }

  /**
   * Makes this the worker's last life: its place is vacant once its thread, if it has one, has
   * ended.
   */
  retire(index: number): void {
    const place = this.#placeOf(index)
    place.retiring = true
    this.#parts.starts.forget(index)
    cancelRespawn(place)
    if (!place.thread) place.state = 'vacant'
  }

  /** Stops respawning: no worker that ends from now on has a successor. */
  stopRespawning(): void {
    this.#isRespawning = false
    for (const place of this.#parts.workers.places) cancelRespawn(place)
  }

  onExit({ index }: WorkerThread, exit: WorkerExit): void {
    const place = this.#placeOf(index)
    place.thread = null
    this.#parts.starts.forget(index)
    if (!this.#isRespawning && exit.byItself) this.#exitCode ||= exit.code
    const isNeeded = this.#parts.deaths.after(index, exit) && this.#isRespawning && !place.retiring
    if (isNeeded) {
      this.#died(place, exit)
      return
    }
    place.state = place.retiring ? 'vacant' : 'finished'
    const { code, error, byItself } = exit
    const finished = code === 0 && byItself && this.#isRespawning && !place.retiring
    this.#tellDeath({ worker: index, code, error, respawnIn: null, finished })
  }

  #died(place: WorkerPlace, { code, error }: Pick<WorkerExit, 'code' | 'error'>): void {
    place.deaths++
    place.state = 'waiting'
    const respawnIn = this.#respawnLater(place)
    this.#tellDeath({ worker: place.index, code, error, respawnIn, finished: false })
  }

  #tellDeath(death: Death): void {
    const { events, starts, workers, balancer } = this.#parts
    const isTold = events.emit('worker-exit', death)
    // If the start has failed, its rejection has the error.
    if (!isTold && death.error !== null && !starts.first.failed) print(2, `${death.error}\n`)
    if (workers.wanted.every(({ state }) => state === 'finished')) void balancer.close()
  }

  /**
   * Starts a successor. One that cannot be started counts as one that has died, because the machine
   * may have the resources later.
   */
  #respawn(place: WorkerPlace): void {
    place.respawn = null
    let thread: WorkerThread
    try {
      thread = this.#startThread(place)
    } catch (error) {
      this.#died(place, { code: 1, error: (error as Error).message })
      return
    }
    this.#runs(place, thread)
  }

  #startThread(place: WorkerPlace): WorkerThread {
    const { options, ledger, links, messages } = this.#parts
    const { index } = place
    place.startedAt = performance.now()
    try {
      return new WorkerThread({
        index,
        link: links.linkFor(index),
        ledger: ledger.buffer,
        options,
        messages,
        exits: this,
      })
    } catch (cause) {
      throw threadFailure(index, cause)
    }
  }

  #runs(place: WorkerPlace, thread: WorkerThread): void {
    const { starts, links, events } = this.#parts
    const { index } = place
    place.state = 'running'
    place.thread = thread
    starts.spawned(index)
    links.shareInFlightLimit()
    events.emit('worker-start', { worker: index, threadId: thread.threadId })
  }

  /** @returns the delay in ms */
  #respawnLater(place: WorkerPlace): number {
    const { respawnDelay, maxRespawnDelay } = this.#parts.options
    if (performance.now() - place.startedAt >= STABLE_MS) place.deathsInARow = 0
    const delay = Math.min(maxRespawnDelay, respawnDelay * 2 ** place.deathsInARow)
    place.deathsInARow++
    place.respawn = setTimeout(() => this.#respawn(place), delay)
    return delay
  }

  #placeOf(index: number): WorkerPlace {
    return this.#parts.workers.places[index]
  }
}

function cancelRespawn(place: WorkerPlace): void {
  if (place.respawn) clearTimeout(place.respawn)
  place.respawn = null
}
