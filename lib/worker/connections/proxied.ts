import { loadAddon } from '../../native.ts'
import { peekProxyHeader } from '../../net/proxied-client.ts'
import type { ProxiedAddress, ProxiedAddresses } from '../../net/proxy-header.ts'

/** So long may a header take to arrive. The specification asks for 3 s at least. */
const TIMEOUT_MS = 5000
const FIRST_LOOK_MS = 1
const MAX_LOOK_MS = 50

/** A connection whose header is to be read off before Node sees it. */
export interface ProxiedConnection {
  readonly fd: number
  /** The header is off; null: it names nobody. */
  readonly open: (addresses: ProxiedAddresses | null) => void
  /** It was malformed, or did not come in time. */
  readonly refuse: () => void
}

/**
 * Takes the PROXY protocol's header off connections, before a handle is made of them: Node's HTTP
 * parser reads from the handle itself. A proxy sends it at once, so that it is nearly always there;
 * if not, it is looked for after 1 ms, 2, 4 … 50. (Polling the descriptor would not do: it is
 * readable as long as the header is there in part.)
 *
 * The worker's thread. The connection is the worker's meanwhile: if it dies, main finds it in the
 * ledger, and closes it.
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
    // It holds the loop open, as a connection does.
    setTimeout(look, wait)
    wait = Math.min(wait * 2, MAX_LOOK_MS)
  }
  look()
}

/** @returns whether there is no more to wait for */
function tryRead({ fd, open, refuse }: ProxiedConnection): boolean {
  const header = peekProxyHeader(fd)
  if (header.kind === 'partial') return false
  if (header.kind === 'bad' || loadAddon().skipFd(fd, header.length) !== 0) refuse()
  else open(header.addresses)
  return true
}

/** What Node asks for `socket.remoteAddress` and `socket.localAddress`. */
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
