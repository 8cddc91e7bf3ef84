import { setImmediate as turn } from 'node:timers/promises'
import type { Test } from 'tap'
import { openDevice } from '../../lib/device/index.ts'
import { type Connection, Ledger } from '../../lib/ledger/ledger.ts'
import { loadAddon } from '../../lib/native.ts'
import { ListeningSocket } from '../../lib/net/listening-socket.ts'
import { Acceptor } from '../../lib/worker/connections/acceptor.ts'
import { DeviceSink } from '../../lib/worker/connections/device-sink.ts'
import { connect, ignore } from '../balancer/clients.ts'
import { until } from '../deadline.ts'

export const LISTENER = 3
export const WORKER = 1
/** The listener's counter in the accept mode. */
export const COUNTER = 5

interface AcceptingOptions {
  readonly clients: number
  readonly credits?: number
}

/**
 * A worker's acceptor with a device, and in the same thread main's listener, which has clients and
 * does not accept.
 */
export class Accepting {
  readonly ledger = Ledger.create({ fdLimit: 1024, workers: 2 })
  readonly listener = ListeningSocket.open(
    LISTENER,
    { address: '127.0.0.1', port: 0, backlog: 16, ipv6Only: false },
    () => {
      throw new Error('main does not accept')
    },
  )
  readonly given: Connection[] = []
  readonly clients: Awaited<ReturnType<typeof connect>>[] = []
  readonly acceptor: Acceptor
  /** Another worker's. */
  readonly other: Acceptor
  readonly #waker: number
  readonly #domain
  readonly #queue
  readonly #port
  #woken = 0

  static async start(t: Test, { clients, credits = 64 }: AcceptingOptions): Promise<Accepting> {
    const accepting = new Accepting(credits)
    t.teardown(() => accepting.#close())
    while (accepting.clients.length < clients) await accepting.connect()
    return accepting
  }

  private constructor(credits: number) {
    this.listener.pause()
    this.#waker = loadAddon().openWaker(() => this.#woken++)
    this.ledger.acceptMode.setWaker(this.#waker)
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
    this.acceptor = this.#createAcceptor(WORKER)
    this.other = this.#createAcceptor(WORKER - 1)
    this.join()
    this.join(this.other)
  }

  #createAcceptor(worker: number): Acceptor {
    const device = new DeviceSink({
      ledger: this.ledger,
      worker,
      port: this.#port,
      events: this.#domain.createEvents(4),
      adopter: { giveBack: (connection) => this.given.push(connection) },
      onFailure: (error) => {
        throw error
      },
      debug: null,
    })
    const own = { take: () => false }
    return new Acceptor({ ledger: this.ledger, worker, device, own, onShed: ignore })
  }

  join(acceptor = this.acceptor, fd = this.listener.fd): void {
    acceptor.join(LISTENER, {
      domainNumber: 0,
      queue: this.#queue,
      priority: 0,
      completion: 'adoption',
      proxyProtocol: false,
      accept: { sink: 'device', socket: fd, counter: COUNTER },
      revision: 0,
    })
  }

  async connect(): Promise<void> {
    this.clients.push(await connect(this.listener.address))
  }

  letWorkersAccept(): void {
    this.#woken = 0
    this.ledger.acceptMode.set('workers')
  }

  async accepted(count: number): Promise<void> {
    await until(`${count} connections are accepted`, () => this.ledger.counters.all().accepted >= count)
  }

  /** Enough for whatever is due by now. */
  async someTurns(): Promise<void> {
    for (let i = 0; i < 10; i++) await turn()
  }

  /** Until a worker has called main. */
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
    this.ledger.acceptMode.set('main')
    for (const client of this.clients) client.destroy()
    this.acceptor.close()
    this.other.close()
    this.listener.close()
    loadAddon().closeWaker(this.#waker)
    this.#domain.close()
  }
}
