import { loadAddon, type NativeThread } from '../../native.ts'

const UNKNOWN: NativeThread = { number: 0, pollFd: -1 }

/**
 * What the workers' threads do with their time. It tells a late worker that is blocked from one
 * that could run while the kernel runs other threads.
 *
 * Main thread.
 */
export class ThreadTimes {
  readonly #threads: NativeThread[]

  constructor(workers: number) {
    this.#threads = new Array(workers).fill(UNKNOWN)
  }

  started(worker: number, thread: NativeThread): void {
    this.#threads[worker] = thread
  }

  ended(worker: number): void {
    this.#threads[worker] = UNKNOWN
  }

  /** The CPU time that the worker's thread has used, in ms; NaN if it is not known. */
  cpu(worker: number): number {
    const ms = loadAddon().threadCpu(this.#threads[worker].number)
    return ms < 0 ? Number.NaN : ms
  }

  /**
   * Whether the worker's thread runs, could run if it had a core, or waits for events in its loop.
   * (A thread that waits in its loop although it has events may still count as ready: the sender
   * may have lost its core before it woke the thread.) False if the thread sleeps outside its loop,
   * or if nothing is known of it.
   */
  isReady(worker: number): boolean {
    const { number, pollFd } = this.#threads[worker]
    return loadAddon().isReady(number, pollFd)
  }
}
