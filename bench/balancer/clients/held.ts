import { Exchange } from './exchange.ts'
import type { HoldJob, LoadResult } from './jobs.ts'
import { seeded } from './schedule.ts'
import { parseWho, Tally } from './tally.ts'

/** Holds connections open, each with the worker that has it. */
export class Held {
  readonly #port: number
  readonly #wanted: number
  readonly #random: () => number
  readonly #all: { readonly exchange: Exchange; readonly worker: string }[] = []
  #failed = 0

  constructor({ port, connections, seed, index }: HoldJob) {
    this.#port = port
    this.#wanted = Number(connections)
    this.#random = seeded(seed + index)
  }

  async run({ churn }: HoldJob): Promise<LoadResult> {
    const before = this.#failed
    await this.#close(Math.round((churn ?? 0) * this.#all.length))
    const missing = this.#wanted - this.#all.length
    await this.#open(missing)
    const failed = this.#failed - before
    return { ...new Tally([]).result(), completed: missing - failed, failed, held: this.#byWorker() }
  }

  /** Closes connections. Resolves once the server has closed them, too. */
  async #close(count: number): Promise<void> {
    const chosen = Array.from({ length: count }, () => {
      const [one] = this.#all.splice(Math.floor(this.#random() * this.#all.length), 1)
      return one.exchange.socket
    })
    await Promise.all(chosen.map((socket) => new Promise((resolve) => socket.once('close', resolve).end())))
  }

  /** Opens connections, a few at a time, so that no listen queue overflows. */
  async #open(count: number): Promise<void> {
    let left = count
    const opener = async (): Promise<void> => {
      while (left-- > 0) await this.#openOne()
    }
    await Promise.all(Array.from({ length: AT_ONCE }, opener))
  }

  #openOne(): Promise<void> {
    const exchange = Exchange.connect(this.#port)
    return new Promise((resolve) => {
      exchange.request('/who', false, (body) => {
        if (body === null) this.#failed++
        else this.#all.push({ exchange, worker: parseWho(body).worker })
        resolve()
      })
    })
  }

  #byWorker(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { worker } of this.#all) counts[worker] = (counts[worker] ?? 0) + 1
    return counts
  }
}

const AT_ONCE = 64
