import { Exchange, type OnAnswer } from './exchange.ts'
import type { Tls } from './jobs.ts'

/** The connections that requests are sent on. */
export interface Lines {
  /** Opens the connections that stay open. Resolves once all answer. */
  open(): Promise<void>
  /** Sends the request as soon as it can. */
  request(path: string, answer: OnAnswer): void
  close(): void
}

/** Opens a connection for each request, which the server closes after it. */
export class NewLines implements Lines {
  readonly #port: number
  readonly #tls: Tls | undefined
  readonly #open = new Set<Exchange>()
  #session: Buffer | undefined

  constructor(port: number, tls?: Tls) {
    this.#port = port
    this.#tls = tls
  }

  async open(): Promise<void> {
    // Nothing is held open.
  }

  request(path: string, answer: OnAnswer): void {
    const exchange = this.#tls ? this.#connectTls() : Exchange.connect(this.#port)
    this.#open.add(exchange)
    exchange.socket.once('close', () => this.#open.delete(exchange))
    exchange.request(path, true, answer)
  }

  close(): void {
    for (const { socket } of this.#open) socket.destroy()
  }

  #connectTls(): Exchange {
    if (this.#tls === 'full') return Exchange.connectTls(this.#port, undefined)
    const exchange = Exchange.connectTls(this.#port, this.#session)
    exchange.socket.on('session', (session: Buffer) => {
      this.#session = session
    })
    return exchange
  }
}

/**
 * Holds a number of connections open. A request takes one that is free, or waits for one. A
 * connection that is lost is replaced.
 */
export class KeptLines implements Lines {
  readonly #port: number
  readonly #size: number
  readonly #free: Exchange[] = []
  readonly #waiting: { path: string; answer: OnAnswer }[] = []
  readonly #all = new Set<Exchange>()

  constructor(port: number, size: number) {
    this.#port = port
    this.#size = size
  }

  async open(): Promise<void> {
    const opened = Array.from({ length: this.#size }, () => {
      return new Promise<void>((resolve) => this.#use(this.#connect(), '/', () => resolve()))
    })
    await Promise.all(opened)
  }

  request(path: string, answer: OnAnswer): void {
    // This takes the connection that was used longest ago, so that all take part.
    const exchange = this.#free.shift()
    if (exchange) this.#use(this.#fresh(exchange), path, answer)
    else this.#waiting.push({ path, answer })
  }

  close(): void {
    for (const { socket } of this.#all) socket.destroy()
  }

  #connect(): Exchange {
    const exchange = Exchange.connect(this.#port)
    this.#all.add(exchange)
    return exchange
  }

  #use(exchange: Exchange, path: string, answer: OnAnswer): void {
    exchange.request(path, false, (body) => {
      answer(body, exchange)
      this.#putBack(exchange)
    })
  }

  #putBack(exchange: Exchange): void {
    const next = this.#waiting.shift()
    if (next) this.#use(this.#fresh(exchange), next.path, next.answer)
    else this.#free.push(exchange)
  }

  /**
   * Replaces the connection if the server has closed it while it was free, as a worker does that is
   * replaced.
   */
  #fresh(exchange: Exchange): Exchange {
    if (!exchange.gone) return exchange
    this.#all.delete(exchange)
    return this.#connect()
  }
}
