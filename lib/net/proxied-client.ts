import type { Connection } from '../ledger/ledger.ts'
import { loadAddon } from '../native.ts'
import { MAX_HEADER, type ProxyHeader, parseProxyHeader } from './proxy-header.ts'

/** As on all of Node's Linux systems. */
const EAGAIN = 11
const FIRST_LOOK_MS = 1
const MAX_LOOK_MS = 50
/** Whose header has not come by then is dealt as a client without an address. */
const PATIENCE_MS = 1000

const scratch = Buffer.alloc(MAX_HEADER)

/**
 * The PROXY header of a connection that nobody has read from; it stays there. 'partial': not all of
 * it has come.
 */
export function peekProxyHeader(fd: number): ProxyHeader {
  const count = loadAddon().peekFd(fd, scratch)
  if (count === -EAGAIN) return { kind: 'partial' }
  return count > 0 ? parseProxyHeader(scratch.subarray(0, count)) : { kind: 'bad' }
}

/** A number for the address that the header names as the client's; 0 if there is none. */
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
 * Connections whose worker depends on what their PROXY header says, and whose header has not come
 * yet: proxies send it at once, but it can be behind the connection. It is looked for after 1 ms,
 * 2, 4 … 50, for a second. Main thread.
 */
export class HeaderWait {
  readonly #onReady: (connection: Connection) => void
  readonly #waiting = new Map<Connection, NodeJS.Timeout>()

  /** `onReady`: it can be dealt. */
  constructor(onReady: (connection: Connection) => void) {
    this.#onReady = onReady
  }

  /**
   * @returns whether it is kept until `onReady`; not if its header is there, or will be of no use
   */
  keep(connection: Connection): boolean {
    if (peekProxyHeader(connection.fd).kind !== 'partial') return false
    this.#lookLater(connection, FIRST_LOOK_MS, performance.now() + PATIENCE_MS)
    return true
  }

  /** @returns what waits here, which is the caller's */
  abandon(): Connection[] {
    for (const timer of this.#waiting.values()) clearTimeout(timer)
    const connections = [...this.#waiting.keys()]
    this.#waiting.clear()
    return connections
  }

  #lookLater(connection: Connection, wait: number, deadline: number): void {
    const look = (): void => {
      const isPartial = peekProxyHeader(connection.fd).kind === 'partial'
      if (isPartial && performance.now() < deadline) {
        this.#lookLater(connection, Math.min(2 * wait, MAX_LOOK_MS), deadline)
        return
      }
      this.#waiting.delete(connection)
      this.#onReady(connection)
    }
    this.#waiting.set(connection, setTimeout(look, wait))
  }
}
