import type { Connection } from '../ledger/ledger.ts'
import { loadAddon } from '../native.ts'
import { scaled } from '../time-scale.ts'
import { MAX_HEADER, type ProxyHeader, parseProxyHeader } from './proxy-header.ts'

/** EAGAIN has this number on all Linux systems that Node runs on. */
const EAGAIN = 11
const FIRST_CHECK_MS = 1
const MAX_CHECK_MS = 50
/**
 * Milliseconds after which a connection whose header has not come is dealt as one without a client
 * address.
 */
const PATIENCE_MS = scaled(1000)

const scratch = Buffer.alloc(MAX_HEADER)

/**
 * Reads the PROXY header of a connection that nobody has read from, and leaves it in the socket.
 * 'partial' means that not all of the header has come.
 */
export function peekProxyHeader(fd: number): ProxyHeader {
  const count = loadAddon().peekFd(fd, scratch)
  if (count === -EAGAIN) return { kind: 'partial' }
  return count > 0 ? parseProxyHeader(scratch.subarray(0, count)) : { kind: 'bad' }
}

/** A number for the client's address that the header names; 0 if it names none. */
export function proxiedClientOf(fd: number): number {
  const header = peekProxyHeader(fd)
  if (header.kind !== 'whole' || header.addresses === null) return 0
  return hash(header.addresses.source.address)
}

/** FNV-1a, 32 bits; never 0. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0 || 1
}

/**
 * Keeps connections whose worker depends on their PROXY header until the header has come. Proxies
 * send the header at once, but it can arrive after the connection. It is checked for after 1 ms,
 * then after 2 ms, 4 ms and so on up to 50 ms, for one second in all. Main thread.
 */
export class HeaderWait {
  readonly #onReady: (connection: Connection) => void
  readonly #waiting = new Map<Connection, NodeJS.Timeout>()

  /** @param onReady is called once the connection can be dealt */
  constructor(onReady: (connection: Connection) => void) {
    this.#onReady = onReady
  }

  /**
   * @returns whether the connection is kept until `onReady`; false if its header has come, or is
   *   malformed
   */
  keep(connection: Connection): boolean {
    if (peekProxyHeader(connection.fd).kind !== 'partial') return false
    this.#checkLater(connection, FIRST_CHECK_MS, performance.now() + PATIENCE_MS)
    return true
  }

  /** @returns the connections that wait here, which the caller owns from here on */
  abandon(): Connection[] {
    for (const timer of this.#waiting.values()) clearTimeout(timer)
    const connections = [...this.#waiting.keys()]
    this.#waiting.clear()
    return connections
  }

  #checkLater(connection: Connection, wait: number, deadline: number): void {
    const check = (): void => {
      const isPartial = peekProxyHeader(connection.fd).kind === 'partial'
      if (isPartial && performance.now() < deadline) {
        this.#checkLater(connection, Math.min(2 * wait, MAX_CHECK_MS), deadline)
        return
      }
      this.#waiting.delete(connection)
      this.#onReady(connection)
    }
    this.#waiting.set(connection, setTimeout(check, wait))
  }
}
