import type { Figures } from '../lib/rounds.ts'

const arrived = 0
const open = 1
const left = 2
const nap = 3
/** A thread polls so often before it gives its core away for a moment, which it must on a machine with few cores. */
const polls = 2000
const napMilliseconds = 0.05

/** Starts the threads of a trial together, and knows when they have finished. */
export class Gate {
  readonly memory: Int32Array<SharedArrayBuffer>
  readonly #threads: number

  constructor(threads: number, memory = new Int32Array(new SharedArrayBuffer(16))) {
    this.#threads = threads
    this.memory = memory
  }

  /** In each thread: waits until it is opened. */
  arrive(): void {
    Atomics.add(this.memory, arrived, 1)
    Atomics.notify(this.memory, arrived)
    Atomics.wait(this.memory, open, 0)
  }

  leave(): void {
    Atomics.add(this.memory, left, 1)
    Atomics.notify(this.memory, left)
  }

  /** Polls until the condition holds. */
  until(holds: () => boolean): void {
    for (let tries = 1; !holds(); tries++) if (tries % polls === 0) this.nap()
  }

  nap(): void {
    Atomics.wait(this.memory, nap, 0, napMilliseconds)
  }

  async opened(): Promise<void> {
    await this.#reached(arrived)
    Atomics.store(this.memory, open, 1)
    Atomics.notify(this.memory, open)
  }

  async finished(): Promise<void> {
    await this.#reached(left)
  }

  async #reached(word: number): Promise<void> {
    for (;;) {
      const count = Atomics.load(this.memory, word)
      if (count === this.#threads) return
      await Atomics.waitAsync(this.memory, word, count).value
    }
  }
}

/** In the main thread: opens the gate, and prints rate and CPU time per event once all have left. */
export async function finish(gate: Gate, events: number): Promise<void> {
  const keepOpen = setInterval(() => undefined, 1000)
  await gate.opened()
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
