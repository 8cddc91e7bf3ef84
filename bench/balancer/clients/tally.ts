import { Latencies } from '../../lib/histogram.ts'
import type { LoadResult, RequestKind } from './jobs.ts'

/** Counts what came of one client's requests. */
export class Tally {
  readonly #mix: readonly RequestKind[]
  readonly #latencies: ReadonlyMap<string, Latencies>
  readonly #late = new Latencies()
  readonly #arrival = new Latencies()
  readonly #adoption = new Latencies()
  #completed = 0
  #failed = 0

  constructor(mix: readonly RequestKind[]) {
    this.#mix = mix
    this.#latencies = new Map(mix.map(({ name }) => [name, new Latencies()]))
  }

  /** The kind of the i-th request of all clients together. */
  kindOf(i: number): RequestKind {
    return this.#mix.find(({ every }) => every !== undefined && (i + 1) % every === 0) ?? this.#mix[0]
  }

  /** Counts a request. The time of one that fails is not left out. */
  count({ name }: RequestKind, answered: boolean, milliseconds: number): void {
    if (answered) this.#completed++
    else this.#failed++
    this.#latencies.get(name)?.record(milliseconds * 1000)
  }

  sentLate(milliseconds: number): void {
    this.#late.record(milliseconds * 1000)
  }

  handedOver({ arrivedAt, age }: Who, connectedAt: number): void {
    this.#arrival.record((arrivedAt - connectedAt) * 1000)
    if (!Number.isNaN(age)) this.#adoption.record(age)
  }

  result(): LoadResult {
    const latencies = [...this.#latencies].map(([name, one]) => [name, one.encode()])
    const handOff = { arrival: this.#arrival.encode(), adoption: this.#adoption.encode() }
    return {
      completed: this.#completed,
      failed: this.#failed,
      latencies: Object.fromEntries(latencies),
      handOff: this.#arrival.count === 0 ? null : handOff,
      late: this.#late.count === 0 ? null : this.#late.encode(),
      held: {},
      heldOverTime: [],
    }
  }
}

/** The answer to `/who`. */
export interface Who {
  readonly worker: string
  /** Milliseconds of the shared clock. */
  readonly arrivedAt: number
  /** Microseconds since the accept; NaN if that is not known. */
  readonly age: number
}

export function parseWho(body: string): Who {
  const [worker, arrivedAt, age] = body.split(' ')
  return { worker, arrivedAt: Number(arrivedAt), age: Number(age) }
}
