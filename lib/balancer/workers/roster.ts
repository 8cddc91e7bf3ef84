import { NodeDlbError } from '../../errors.ts'
import type { Datagrams } from '../listeners/datagrams.ts'
import type { ListenerTable } from '../listeners/table.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { Drains } from './drains.ts'
import type { Eligibility } from './eligibility.ts'
import type { StartWatches } from './start-watches.ts'
import type { Supervisor } from './supervisor.ts'
import type { Workers } from './workers.ts'

export interface RosterParts {
  readonly options: ResolvedOptions
  readonly workers: Workers
  readonly supervisor: Supervisor
  readonly starts: StartWatches
  readonly table: ListenerTable
  readonly datagrams: Datagrams
  readonly eligibility: Eligibility
  readonly drains: Drains
}

/** Adds and removes single workers while traffic flows. Main thread. */
export class Roster {
  readonly #parts: RosterParts

  constructor(parts: RosterParts) {
    this.#parts = parts
  }

  /** The workers that run or will be respawned. */
  get current(): number[] {
    return this.#parts.workers.wanted.flatMap(({ index, state }) => (state === 'finished' ? [] : [index]))
  }

  /** Whether one more worker can run at the same time. */
  get hasVacancy(): boolean {
    return this.#parts.workers.vacancy !== undefined
  }

  /**
   * Starts one more worker.
   * @returns its number, once it listens
   * @throws the reason for which it does not listen; then the worker is gone
   */
  async add(): Promise<number> {
    const { workers, supervisor, starts } = this.#parts
    const worker = workers.vacancy
    if (worker === undefined) throw new NodeDlbError('ERR_DLB_NO_RESOURCES', 'there is no place for another worker')
    const watch = starts.watch([worker])
    try {
      supervisor.start(worker)
      await watch.done
      return worker
    } catch (error) {
      // Nobody awaits the watch if the thread could not be started.
      watch.done.catch(() => undefined)
      watch.fail(error as Error)
      supervisor.retire(worker)
      await workers.places[worker].thread?.terminate()
      throw error
    } finally {
      starts.unwatch(watch)
    }
  }

  /**
   * Drains the worker for at most `drainTimeout`, and ends it.
   * @returns how many of its connections were cut
   */
  async remove(worker: number): Promise<number> {
    const { options, workers, supervisor, table, datagrams, eligibility, drains } = this.#parts
    const place = workers.places[worker]
    const { thread } = place
    supervisor.retire(worker)
    if (!thread) {
      // The worker has died and has no successor now, so what was kept for one is given up here.
      table.workerFinished(worker)
      datagrams.ended(worker, false)
      return 0
    }
    eligibility.hold(worker, 'draining')
    const drained = {
      get threads() {
        return place.thread === thread ? [thread] : []
      },
    }
    return drains.run(drains.create(drained, 'SIGTERM', options.drainTimeout))
  }
}
