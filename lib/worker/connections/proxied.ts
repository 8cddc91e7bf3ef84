import { loadAddon } from '../../native.ts'
import { peekProxyHeader } from '../../net/proxied-client.ts'
import type { ProxiedAddress, ProxiedAddresses } from '../../net/proxy-header.ts'
import { scaled } from '../../time-scale.ts'

/** The longest time for a header to arrive. The specification asks for 3 s at least. */
const TIMEOUT_MS = scaled(5000)
const FIRST_LOOK_MS = 1
const MAX_LOOK_MS = 50

/** A connection whose header is read before Node sees the connection. */
export interface ProxiedConnection {
  readonly fd: number
  /** Is called once the header is read. null: the header names no addresses. */
  readonly open: (addresses: ProxiedAddresses | null) => void
  /** Is called if the header was malformed, or did not come in time. */
  readonly refuse: () => void
}

/**
 * Reads the PROXY header of a connection before a handle is made of it, because Node's HTTP parser
 * reads from the handle itself. A proxy sends the header at once, so it is nearly always there. If
 * not, it is checked for after 1 ms, 2, 4 … 50. (Polling the descriptor would not do, because it is
 * readable as soon as a part of the header is there.)
 *
 * The worker's thread. The connection is the worker's meanwhile: if the worker dies, main finds it
 * in the ledger and closes it.
 */
export function readProxyHeader(connection: ProxiedConnection): void {
  const deadline = performance.now() + TIMEOUT_MS
  let wait = FIRST_LOOK_MS
  const look = (): void => {
    const done = tryRead(connection)
    if (done) return
    if (performance.now() >= deadline) {
      connection.refuse()
      return
    }
    // The timer holds the loop open, as a connection does.
    setTimeout(look, wait)
    wait = Math.min(wait * 2, MAX_LOOK_MS)
  }
  look()
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
