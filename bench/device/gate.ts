import { availableParallelism } from 'node:os'
import type { Figures } from '../lib/rounds.ts'

const arrived = 0
const open = 1
const left = 2
const warm = 3
const nap = 4
/**
 * How often a thread polls before it gives its core away for a moment: long with a core for each,
 * briefly without.
 */
const pollsWithCore = 2000
const pollsWithout = 100
const napMilliseconds = 0.05

/** Starts the threads of a trial together, and knows when they have finished. */
export class Gate {
  readonly memory: Int32Array<SharedArrayBuffer>
  readonly #threads: number
  readonly #polls: number

  constructor(threads: number, memory = new Int32Array(new SharedArrayBuffer(20))) {
    this.#threads = threads
    this.#polls = threads <= availableParallelism() ? pollsWithCore : pollsWithout
    this.memory = memory
  }

  /** Each thread: waits until the gate is opened. */
  arrive(): void {
    Atomics.add(this.memory, arrived, 1)
    Atomics.notify(this.memory, arrived)
    Atomics.wait(this.memory, open, 0)
  }

  /** Any thread, any number of times: the code is compiled by now, and measuring can begin. */
  warmedUp(): void {
    if (Atomics.exchange(this.memory, warm, 1) === 0) Atomics.notify(this.memory, warm)
  }

  leave(): void {
    Atomics.add(this.memory, left, 1)
    Atomics.notify(this.memory, left)
  }

  /** Polls until the condition holds. */
  until(holds: () => boolean): void {
    for (let tries = 1; !holds(); tries++) if (tries % this.#polls === 0) this.nap()
  }

  nap(): void {
    Atomics.wait(this.memory, nap, 0, napMilliseconds)
  }

  /** Main thread: opens the gate, and resolves when the threads have warmed up. */
  async opened(): Promise<void> {
    await this.#reached(arrived, this.#threads)
    Atomics.store(this.memory, open, 1)
    Atomics.notify(this.memory, open)
    await this.#reached(warm, 1)
  }

  async finished(): Promise<void> {
    await this.#reached(left, this.#threads)
  }

  async #reached(word: number, wanted: number): Promise<void> {
    for (;;) {
      const count = Atomics.load(this.memory, word)
      if (count === wanted) return
      await Atomics.waitAsync(this.memory, word, count).value
    }
  }
}

/**
 * Main thread: opens the gate, and prints rate and CPU time per event once all threads have left.
 * @param count how many of the `events` are done; those of the warm-up are not measured
 */
export async function finish(gate: Gate, total: number, count: () => number): Promise<void> {
  const keepOpen = setInterval(() => undefined, 1000)
  await gate.opened()
  const events = total - count()
  const cpu = process.cpuUsage()
  const start = performance.now()
  await gate.finished()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  clearInterval(keepOpen)
  const figures: Figures = {
    'million/s': events / seconds / 1e6,
    'CPU ns/event': ((user + system) * 1000) / events,
  }
  console.log(JSON.stringify(figures))
}
