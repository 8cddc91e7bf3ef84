import { setImmediate as turn } from 'node:timers/promises'
import type { Test } from 'tap'
import { openDevice } from '../../lib/device/index.ts'
import { type Connection, Ledger } from '../../lib/ledger/ledger.ts'
import { loadAddon } from '../../lib/native.ts'
import { Listener } from '../../lib/net/listening-socket.ts'
import { Relief } from '../../lib/worker/connections/acceptor.ts'
import { connect } from '../balancer/clients.ts'
import { until } from '../deadline.ts'

export const LISTENER = 3
export const WORKER = 1
/** The listener's. */
export const PLACE = 5

interface RestingOptions {
  readonly clients: number
  readonly credits?: number
}

/**
 * A worker's relief with a device, and in the same thread an acceptor that rests and whose listener
 * has clients.
 */
export class Resting {
  readonly ledger = Ledger.create({ fdLimit: 1024, workers: 2 })
  readonly listener = Listener.open(LISTENER, { address: '127.0.0.1', port: 0, backlog: 16, ipv6Only: false }, () => {
    throw new Error('the acceptor rests')
  })
  readonly given: Connection[] = []
  readonly clients: Awaited<ReturnType<typeof connect>>[] = []
  readonly relief: Relief
  /** Another worker's. */
  readonly other: Relief
  readonly #waker: number
  readonly #domain
  readonly #queue
  readonly #port
  #woken = 0

  static async start(t: Test, { clients, credits = 64 }: RestingOptions): Promise<Resting> {
    const resting = new Resting(credits)
    t.teardown(() => resting.#close())
    while (resting.clients.length < clients) await resting.connect()
    return resting
  }

  private constructor(credits: number) {
    this.listener.pause()
    this.#waker = loadAddon().openWaker(() => this.#woken++)
    this.#domain = openDevice({ device: 'software' }).createDomain({
      loadBalancedQueues: 1,
      loadBalancedPorts: 1,
      credits,
    })
    this.#queue = this.#domain.createLoadBalancedQueue()
    const port = this.#domain.createLoadBalancedPort({ cqDepth: 16 })
    this.#domain.start()
    this.#port = this.#domain.attachPort(port)
    this.#port.link(this.#queue)
    this.relief = this.#createRelief(WORKER)
    this.other = this.#createRelief(WORKER - 1)
    this.join()
    this.join(this.other)
  }

  #createRelief(worker: number): Relief {
    return new Relief({
      ledger: this.ledger,
      worker,
      port: this.#port,
      events: this.#domain.createEvents(4),
      giveBack: (connection) => this.given.push(connection),
      onFailure: (error) => {
        throw error
      },
      debug: null,
    })
  }

  join(relief = this.relief, fd = this.listener.fd): void {
    relief.join(LISTENER, {
      generation: 0,
      queue: this.#queue,
      priority: 0,
      completion: 'adoption',
      proxyProtocol: false,
      socket: null,
      relief: { socket: fd, place: PLACE },
      revision: 0,
    })
  }

  async connect(): Promise<void> {
    this.clients.push(await connect(this.listener.address))
  }

  rest(): void {
    this.#woken = 0
    this.ledger.shift.rest(this.#waker)
  }

  async accepted(count: number): Promise<void> {
    await until(`${count} connections are accepted`, () => this.ledger.counters.all().accepted >= count)
  }

  /** Enough for whatever is due by now. */
  async someTurns(): Promise<void> {
    for (let i = 0; i < 10; i++) await turn()
  }

  /** Until the acceptor is. */
  async woken(): Promise<void> {
    await until('the acceptor is woken', () => this.#woken > 0)
  }

  /** As the worker's inbox does; the connections are closed at once. @returns how many */
  adoptAll(): number {
    const events = this.#domain.createEvents(16)
    const count = this.#port.receive(events, 16)
    this.#port.release(count)
    for (let i = 0; i < count; i++) {
      const [fd, stamp] = [events.data64Low(i), events.data64High(i)]
      if (events.data16(i) !== LISTENER || !this.ledger.adopt(fd, stamp, WORKER)) throw new Error('not ours')
      this.ledger.closed(fd, stamp, WORKER)
      loadAddon().closeFd(fd)
    }
    return count
  }

  #close(): void {
    this.ledger.shift.rest(0)
    for (const client of this.clients) client.destroy()
    this.relief.close()
    this.other.close()
    this.listener.close()
    loadAddon().closeWaker(this.#waker)
    this.#domain.close()
  }
}
