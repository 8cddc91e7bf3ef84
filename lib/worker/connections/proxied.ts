import { loadAddon } from '../../native.ts'
import { peekProxyHeader } from '../../net/proxied-client.ts'
import type { ProxiedAddress, ProxiedAddresses } from '../../net/proxy-header.ts'
import { scaled } from '../../time-scale.ts'

/** Milliseconds that a header may take to arrive. The specification asks for at least 3 s. */
const TIMEOUT_MS = scaled(5000)
const FIRST_CHECK_MS = 1
const MAX_CHECK_MS = 50

/** A connection whose header is read before Node sees the connection. */
export interface ProxiedConnection {
  readonly fd: number
  /** Called once the header is read. null: the header names no addresses. */
  readonly open: (addresses: ProxiedAddresses | null) => void
  /** Called if the header was malformed, or did not come in time. */
  readonly refuse: () => void
}

/**
 * Reads the PROXY header of a connection before a handle is made of it, because Node's HTTP parser
 * reads from the handle itself. A proxy sends the header at once, so it is nearly always there. If
 * not, it is checked for again after 1 ms, 2 ms, 4 ms and so on up to 50 ms. (Polling the
 * descriptor would not help, because it is readable as soon as a part of the header is there.)
 *
 * The worker's thread. The connection is the worker's meanwhile: if the worker dies, main finds it
 * in the ledger and closes it.
 */
export function readProxyHeader(connection: ProxiedConnection): void {
  const deadline = performance.now() + TIMEOUT_MS
  let wait = FIRST_CHECK_MS
  const check = (): void => {
    const done = tryRead(connection)
    if (done) return
    if (performance.now() >= deadline) {
      connection.refuse()
      return
    }
    // The timer keeps the loop alive, as a connection does.
    setTimeout(check, wait)
    wait = Math.min(wait * 2, MAX_CHECK_MS)
  }
  check()
}

/** @returns whether the header is read or refused */
function tryRead({ fd, open, refuse }: ProxiedConnection): boolean {
  const header = peekProxyHeader(fd)
  if (header.kind === 'partial') return false
  if (header.kind === 'bad' || loadAddon().skipFd(fd, header.length) !== 0) refuse()
  else open(header.addresses)
  return true
}

/** The methods that Node calls for `socket.remoteAddress` and `socket.localAddress`. */
interface Addressed {
  getpeername?(out: object): number
  getsockname?(out: object): number
}

export function setAddresses(handle: object, { source, destination }: ProxiedAddresses): void {
  const addressed = handle as Addressed
  const gives = (address: ProxiedAddress) => (out: object) => {
    Object.assign(out, address)
    return 0
  }
  addressed.getpeername = gives(source)
  addressed.getsockname = gives(destination)
}
