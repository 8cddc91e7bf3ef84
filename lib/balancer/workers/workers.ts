import type { ToWorker } from '../../protocol.ts'
import type { WorkerExit, WorkerThread } from './worker-thread.ts'

/**
 * - running: its thread lives
 * - waiting: it died, and its successor starts after a delay
 * - finished: it has ended itself with code 0
 * - vacant: the place has no worker. `resize()` and `reload()` start workers in vacant places, and
 *   leave places vacant when they end workers.
 */
export type WorkerState = 'running' | 'waiting' | 'finished' | 'vacant'

/** A place where a worker lives, over all its lives. */
export interface WorkerPlace {
  readonly index: number
  state: WorkerState
  /** The worker's thread; null while it has none. */
  thread: WorkerThread | null
  /** The number of deaths after which the worker was respawned, or is waiting to be. */
  deaths: number
  /** The number of deaths in a row. Each of them doubles the delay before the successor starts. */
  deathsInARow: number
  /** When the last thread was started, by `performance.now()`; 0 if there was none. */
  startedAt: number
  /** The timer that starts the successor; null unless the state is `waiting`. */
  respawn: NodeJS.Timeout | null
  /** When set, this worker is not respawned after it exits. */
  retiring: boolean
}

export interface Death extends Pick<WorkerExit, 'code' | 'error'> {
  readonly worker: number
  /** Milliseconds until its successor starts; null if it has none. */
  readonly respawnIn: number | null
  /** The worker ended itself with code 0 without having been asked, and so has no successor. */
  readonly finished: boolean
}

/**
 * Milliseconds of life after which a worker counts as healthy: its next death is the first in a
 * row.
 */
export const STABLE_MS = 10_000

/**
 * The places of all workers, and the way to send them messages.
 *
 * Invariant: only the supervisor changes a place.
 *
 * Main thread.
 */
export class Workers {
  readonly places: readonly WorkerPlace[]

  constructor(count: number) {
    this.places = Array.from({ length: count }, (_, index) => ({
      index,
      state: 'vacant',
      thread: null,
      deaths: 0,
      deathsInARow: 0,
      startedAt: 0,
      respawn: null,
      retiring: false,
    }))
  }

  /** The places whose worker has a thread. */
  get running(): Readonly<WorkerPlace>[] {
    return this.places.filter(({ thread }) => thread !== null)
  }

  /** The threads of all workers that have one. */
  get threads(): WorkerThread[] {
    return this.places.flatMap(({ thread }) => thread ?? [])
  }

  /** The places that are not vacant, and whose worker is not to end. */
  get wanted(): Readonly<WorkerPlace>[] {
    return this.places.filter(({ state, retiring }) => state !== 'vacant' && !retiring)
  }

  /**
   * The first vacant place, or else the first whose worker finished; undefined if there is none.
   */
  get vacancy(): number | undefined {
    const first = (wanted: WorkerState): number | undefined => this.places.find(({ state }) => state === wanted)?.index
    return first('vacant') ?? first('finished')
  }

  /** Does nothing if the worker has no thread. */
  post(worker: number, message: ToWorker): void {
    this.places[worker].thread?.post(message)
  }

  broadcast(message: ToWorker): void {
    for (const { thread } of this.places) thread?.post(message)
  }
}
