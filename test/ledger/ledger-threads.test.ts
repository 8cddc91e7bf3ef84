import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { Ledger } from '../../lib/ledger/ledger.ts'
import { LedgerRecovery } from '../../lib/ledger/recovery.ts'
import { check } from './check-ledger.ts'
import type { Race } from './fixtures/ledger-racer.ts'
import {
  CLOSED,
  FD,
  FULL,
  IN_HANDLE,
  OPEN,
  random,
  SLOT_WORDS,
  SLOTS,
  STAMP,
  type World,
} from './fixtures/ledger-world.ts'

const FDS = 128
const WORKERS = 3
const shared = (words: number) => new Int32Array(new SharedArrayBuffer(words * 4))

interface Thread {
  readonly worker: Worker
  readonly online: Promise<unknown>
  readonly exit: Promise<unknown>
}

/**
 * Main's side of a simulated balancer: it accepts fds that the kernel has closed, posts
 * them to workers, some of them twice, takes back and refuses a few, and buries workers as the
 * balancer does.
 */
class Main {
  readonly ledger = Ledger.create({ fdLimit: FDS, workers: WORKERS })
  readonly #recovery = new LedgerRecovery(this.ledger)
  readonly #kernel = shared(FDS)
  readonly #mail = shared(WORKERS * SLOTS * SLOT_WORDS)
  readonly #flags = shared(2)
  /** By fd: its last stamp. */
  readonly #last = new Int32Array(FDS)
  readonly #below: (below: number) => number
  readonly #workers: Thread[]
  /** Recovered from dead workers, to be dealt again. */
  readonly #waiting: { fd: number; stamp: number }[] = []
  failures = 0

  constructor(seed: number) {
    this.#below = random(seed)
    this.#workers = Array.from({ length: WORKERS }, (_, worker) => this.#spawn(worker))
  }

  /** Deals for a while, and terminates a worker in the middle of whatever it does. */
  async round(): Promise<void> {
    const victim = this.#below(WORKERS)
    await this.#workers[victim].online
    const until = this.ledger.counters.ofWorker(victim).adopted + 50 + this.#below(500)
    while (this.ledger.counters.ofWorker(victim).adopted < until) {
      for (let i = 0; i < 100; i++) this.#step()
      await turn()
    }
    await this.#workers[victim].worker.terminate()
    this.#bury(victim)
    this.#workers[victim] = this.#spawn(victim)
  }

  async finish(): Promise<void> {
    Atomics.store(this.#flags, 0, 1)
    for (const [worker, thread] of this.#workers.entries()) {
      await thread.exit
      this.#recover(worker)
    }
    for (const { fd, stamp } of this.#waiting.splice(0)) this.#refuse(fd, stamp)
    this.failures += Atomics.load(this.#flags, 1)
  }

  openFds(): number {
    return this.#kernel.filter((state) => state !== CLOSED).length
  }

  #spawn(worker: number): Thread {
    const world: World = {
      ledger: this.ledger.buffer,
      kernel: this.#kernel,
      mail: this.#mail,
      flags: this.#flags,
      worker,
      seed: this.#below(2 ** 31),
    }
    const thread = new Worker(new URL('./fixtures/ledger-worker.js', import.meta.url), {
      workerData: world,
      execArgv: [],
    })
    thread.on('error', () => this.failures++)
    return { worker: thread, online: once(thread, 'online'), exit: once(thread, 'exit') }
  }

  #step(): void {
    const connection = this.#waiting.pop() ?? this.#accept()
    if (connection === undefined) return
    const { fd, stamp } = connection
    if (this.#below(1000) === 0) {
      this.#refuse(fd, stamp)
      return
    }
    if (!this.ledger.toDevice(fd, stamp)) this.failures++
    if (!this.#post(this.#below(WORKERS), fd, stamp)) {
      if (!this.ledger.fromDevice(fd, stamp)) this.failures++
      this.#waiting.push(connection)
    } else if (this.#below(16) === 0) {
      this.#post(this.#below(WORKERS), fd, stamp)
    }
  }

  #accept(): { fd: number; stamp: number } | undefined {
    const fd = this.#below(FDS)
    if (Atomics.compareExchange(this.#kernel, fd, CLOSED, OPEN) !== CLOSED) return undefined
    // Half of them at the time of the fd's connection before, so that generations have to be told
    // apart. But time does not come back: an event that a thread finds very late would name a
    // connection that it is not meant for, as it would if 4 s had passed.
    const stamp = this.ledger.accept(fd, this.#last[fd] + this.#below(2), 0)
    this.#last[fd] = stamp
    return { fd, stamp }
  }

  #refuse(fd: number, stamp: number): void {
    if (!this.ledger.refuse(fd, stamp)) this.failures++
    this.#close(fd, OPEN)
  }

  #post(worker: number, fd: number, stamp: number): boolean {
    const at = (worker * SLOTS + this.#below(SLOTS)) * SLOT_WORDS
    if (Atomics.load(this.#mail, at + FULL) === 1) return false
    this.#mail[at + FD] = fd
    this.#mail[at + STAMP] = stamp
    Atomics.store(this.#mail, at + FULL, 1)
    return true
  }

  #bury(worker: number): void {
    // Node closes what the environment's handles had; some of it is accepted again before we hear
    // of the exit.
    for (let fd = 0; fd < FDS; fd++) {
      if (Atomics.load(this.#kernel, fd) === IN_HANDLE + worker) this.#close(fd, IN_HANDLE + worker)
    }
    for (let i = 0; i < 50; i++) this.#step()
    for (const fd of this.#recovery.takeOwnedBy(worker)) {
      if (Atomics.load(this.#kernel, fd) === OPEN) this.#close(fd, OPEN)
    }
    this.#recover(worker)
  }

  #recover(worker: number): void {
    for (let at = worker * SLOTS * SLOT_WORDS; at < (worker + 1) * SLOTS * SLOT_WORDS; at += SLOT_WORDS) {
      if (Atomics.exchange(this.#mail, at + FULL, 0) === 0) continue
      const [fd, stamp] = [this.#mail[at + FD], this.#mail[at + STAMP]]
      if (this.ledger.fromDevice(fd, stamp)) this.#waiting.push({ fd, stamp })
    }
  }

  #close(fd: number, from: number): void {
    if (Atomics.compareExchange(this.#kernel, fd, from, CLOSED) !== from) this.failures++
  }
}

t.test('no fd has two owners and the law holds while workers are terminated at random moments', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.comment(`seed ${seed}`)
  const main = new Main(seed)
  for (let round = 0; round < 30; round++) {
    await main.round()
  }
  await main.finish()
  const { balanced, counts, table } = check(main.ledger)
  t.comment(JSON.stringify(counts))
  t.equal(main.failures, 0, 'nobody saw an fd in a state that it should not have')
  t.equal(balanced, true)
  t.match(counts, { inFlight: 0, active: 0, shed: 0 })
  t.equal(counts.accepted, counts.adopted + counts.refused)
  t.equal(counts.adopted, counts.closed)
  t.ok(counts.stale > 0, 'there were stale events')
  t.equal(table.waiting + table.inDevice + table.adopting + table.adopted, 0)
  t.equal(main.openFds(), 0)
})

t.test('of two threads that adopt the same events at the same time, one gets each', async (t) => {
  const fds = 2000
  const rounds = 100
  const ledger = Ledger.create({ fdLimit: fds, workers: 2 })
  const flags = shared(2)
  const url = new URL('./fixtures/ledger-racer.js', import.meta.url)
  const racers = [0, 1].map((worker) => {
    const workerData: Race = { ledger: ledger.buffer, flags, worker, rounds }
    return new Worker(url, { workerData, execArgv: [] })
  })
  const exits = Promise.all(racers.map((racer) => once(racer, 'exit')))
  await Promise.all(racers.map((racer) => once(racer, 'message')))
  for (let round = 1; round <= rounds; round++) {
    for (let fd = 0; fd < fds; fd++) ledger.toDevice(fd, ledger.accept(fd, round, 0))
    Atomics.store(flags, 0, round)
    Atomics.notify(flags, 0)
    for (let done = 0; done < 2 * round; done = Atomics.load(flags, 1)) Atomics.wait(flags, 1, done)
  }
  await exits
  const { balanced, counts } = check(ledger)
  t.equal(balanced, true)
  t.match(counts, { accepted: fds * rounds, adopted: fds * rounds, closed: fds * rounds, inFlight: 0 })
  t.equal(counts.stale, fds * rounds, 'the other one was told each time')
  t.comment(counts.workers.map(({ adopted }) => adopted).join(' and '))
})
