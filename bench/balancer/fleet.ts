import os from 'node:os'
import { fileURLToPath } from 'node:url'
import { Latencies } from '../lib/histogram.ts'
import { Child } from './child.ts'
import type { AnyJob, HandOff, LoadResult } from './clients/jobs.ts'

const program = fileURLToPath(new URL('clients/main.js', import.meta.url))
/** The number of clients: one for two cores, because the server needs the others. */
const CLIENTS = Math.max(1, Math.min(8, Math.floor(os.cpus().length / 2)))

/** A job as all clients have it: they share rates, users and connections. */
export type SharedJob = AnyJob extends infer J ? (J extends AnyJob ? Omit<J, 'index' | 'clients'> : never) : never

/** The processes that load the server. */
export class Fleet {
  readonly #clients: readonly Child[]

  static async start(): Promise<Fleet> {
    const start = (): Promise<Child> =>
      Child.start(process.execPath, [program], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    return new Fleet(await Promise.all(Array.from({ length: CLIENTS }, start)))
  }

  private constructor(clients: readonly Child[]) {
    this.#clients = clients
  }

  async run(job: SharedJob): Promise<LoadResult> {
    const results = this.#clients.map((client, index) => {
      const result = client.message<LoadResult>()
      client.send(shareOf(job, index))
      return result
    })
    return merge(await Promise.all(results))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.stop()))
  }
}

function shareOf(job: SharedJob, index: number): AnyJob {
  const place = { index, clients: CLIENTS }
  const connections = job.connections === 'new' ? 'new' : part(job.connections, index)
  if (job.kind === 'closed') return { ...job, ...place, connections, users: part(job.users, index) }
  return { ...job, ...place, connections }
}

/** The client's part of `n` things; the first clients get the odd ones. */
function part(n: number, index: number): number {
  return Math.floor(n / CLIENTS) + (index < n % CLIENTS ? 1 : 0)
}

function merge(results: readonly LoadResult[]): LoadResult {
  const names = Object.keys(results[0].latencies)
  const latencies = names.map((name) => [name, mergeLatencies(results.map((result) => result.latencies[name]))])
  const handOffs = results.flatMap(({ handOff }) => handOff ?? [])
  const late = results.flatMap((result) => result.late ?? [])
  return {
    completed: sum(results.map(({ completed }) => completed)),
    failed: sum(results.map(({ failed }) => failed)),
    latencies: Object.fromEntries(latencies),
    handOff: handOffs.length === 0 ? null : mergeHandOffs(handOffs),
    late: late.length === 0 ? null : mergeLatencies(late),
    held: mergeHeld(results.map(({ held }) => held)),
    heldOverTime: mergeOverTime(results.map(({ heldOverTime }) => heldOverTime)),
  }
}

function mergeHandOffs(all: readonly HandOff[]): HandOff {
  return {
    arrival: mergeLatencies(all.map(({ arrival }) => arrival)),
    adoption: mergeLatencies(all.map(({ adoption }) => adoption)),
  }
}

function mergeLatencies(encoded: readonly string[]): string {
  return Latencies.merge(encoded).encode()
}

type ByWorker = Readonly<Record<string, number>>

function mergeHeld(all: readonly ByWorker[]): ByWorker {
  const workers = new Set(all.flatMap(Object.keys))
  return Object.fromEntries([...workers].map((worker) => [worker, sum(all.map((held) => held[worker] ?? 0))]))
}

/** Adds up the clients' series, up to the end of the shortest. */
function mergeOverTime(all: readonly (readonly ByWorker[])[]): ByWorker[] {
  const length = Math.min(...all.map((samples) => samples.length))
  return Array.from({ length }, (_, i) => mergeHeld(all.map((samples) => samples[i])))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0)
}
