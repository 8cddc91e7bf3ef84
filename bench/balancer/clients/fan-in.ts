import { WebSocket } from 'ws'
import { now } from '../../lib/clock.ts'
import type { FanInJob, LoadResult } from './jobs.ts'
import { seeded } from './schedule.ts'
import { Tally } from './tally.ts'

const LONG_LIVED = 0.1
const LONG_MS = 10_000
const SHORT_MS = 500
const SAMPLE_MS = 250
const NORMAL_CLOSE = 1000
const MESSAGES = { name: 'messages', path: '/' }

/**
 * Runs WebSockets that send a message every `gap` ms each. Most close after about half a second,
 * and each tenth stays for about ten. When one has closed, another one is opened in its place.
 */
export async function runFanIn(job: FanInJob): Promise<LoadResult> {
  const random = seeded(job.seed + job.index)
  const tally = new Tally([MESSAGES])
  const byWorker = new Map<string, number>()
  const lines = new Set<Line>()
  let ended = false

  const connect = (): void => {
    const mean = random() < LONG_LIVED ? LONG_MS : SHORT_MS
    const line = new Line(job, random() * job.gap, mean * (0.5 + random()), tally, {
      counts: (worker, change) => byWorker.set(worker, (byWorker.get(worker) ?? 0) + change),
      closed: () => {
        lines.delete(line)
        if (!ended) connect()
      },
    })
    lines.add(line)
  }

  const samples: Record<string, number>[] = []
  const sampling = setInterval(() => samples.push(Object.fromEntries(byWorker)), SAMPLE_MS)
  for (let i = 0; i < Number(job.connections); i++) connect()
  await new Promise((resolve) => setTimeout(resolve, job.seconds * 1000))
  clearInterval(sampling)
  ended = true
  await Promise.all([...lines].map((line) => line.terminate()))
  return { ...tally.result(), heldOverTime: samples }
}

interface LineEvents {
  /** This worker has one connection more, or one less. */
  counts(worker: string, change: number): void
  closed(): void
}

/** One WebSocket. Latency counts from when a message was due. */
class Line {
  readonly #socket: WebSocket
  readonly #gap: number
  readonly #tally: Tally
  /** When the messages without an answer were due, the oldest first, in ms of the shared clock. */
  readonly #due: number[] = []
  #timer: NodeJS.Timeout | undefined
  #worker: string | null = null
  #over = false

  constructor({ port, gap }: FanInJob, phase: number, lifetime: number, tally: Tally, events: LineEvents) {
    this.#gap = gap
    this.#tally = tally
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false })
    this.#socket.on('open', () => this.#next(now() + phase, now() + phase + lifetime))
    this.#socket.on('message', (data) => {
      if (this.#worker === null) {
        this.#worker = String(data)
        events.counts(this.#worker, 1)
      }
      tally.count(MESSAGES, true, now() - (this.#due.shift() ?? 0))
    })
    // 'close' comes after an error.
    this.#socket.on('error', () => undefined)
    this.#socket.on('close', (code) => {
      clearTimeout(this.#timer)
      if (this.#worker !== null) events.counts(this.#worker, -1)
      if (!this.#over && code !== NORMAL_CLOSE) this.#lost()
      events.closed()
    })
  }

  async terminate(): Promise<void> {
    this.#over = true
    const closed = new Promise((resolve) => this.#socket.once('close', resolve))
    this.#socket.terminate()
    await closed
  }

  #next(due: number, end: number): void {
    this.#timer = setTimeout(() => {
      if (due < end) {
        this.#due.push(due)
        this.#socket.send('message')
        this.#next(due + this.#gap, end)
      } else this.#socket.close(NORMAL_CLOSE)
    }, due - now())
  }

  /** If no message was under way, the WebSocket could not be opened. */
  #lost(): void {
    const due = this.#due.length > 0 ? this.#due : [now()]
    for (const at of due) this.#tally.count(MESSAGES, false, now() - at)
  }
}
