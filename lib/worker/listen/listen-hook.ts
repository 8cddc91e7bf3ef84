import type { Server } from 'node:net'
import { NodeDlbError } from '../../errors.ts'
import { followHandshakes } from '../drain/handshakes.ts'
import { followSessions } from '../drain/http2-sessions.ts'
import { type Listen2, type ServerInternals, serverPrototype, wantsNoDelay } from '../node-handles.ts'
import type { Listening } from './listening.ts'
import { ticketKeysOf } from './ticket-keys.ts'

/** libuv's flags UV_TCP_IPV6ONLY and UV_TCP_REUSEPORT, which Node passes to `_listen2`. */
const IPV6_ONLY = 1
const REUSE_PORT = 2

/**
 * Gives a server one of our listen handles before Node's own `listen()` code runs.
 *
 * Every form of `listen()` ends in `_listen2(address, port, addressType, backlog, fd, flags)`,
 * after Node's argument checks and name lookup. That method makes a kernel socket, unless the
 * server already has a handle. With our handle in place, Node's own code does the rest
 * ('listening', errors, ref and unref).
 */
export class ListenHook {
  readonly #listening: Listening
  readonly #prototype: ServerInternals
  readonly #original: Listen2

  /** @throws ERR_DLB_NODE_INTERNALS */
  constructor(listening: Listening) {
    this.#listening = listening
    this.#prototype = serverPrototype()
    this.#original = this.#prototype._listen2
  }

  /** Makes the balancer serve every server of this thread from now on. */
  installForAll(): void {
    this.#install(this.#prototype)
  }

  /** Makes the balancer serve this server from now on. */
  installFor(server: Server): void {
    this.#install(server as unknown as ServerInternals)
  }

  #install(target: ServerInternals): void {
    const [listening, original] = [this.#listening, this.#original]
    target._listen2 = function (address, port, addressType, backlog, fd, flags) {
      const { _handle: handle } = this as unknown as ServerInternals
      if (handle !== null) {
        listening.takeOver(this, handle)
        original.call(this, address, port, addressType, backlog, fd, flags)
      } else if (typeof fd === 'number' && fd >= 0) refuseFd(this, fd)
      else
        listen(listening, original, this, { address, port: port ?? 0, addressType: addressType ?? 4, backlog, flags })
    }
  }
}

/**
 * Refuses a descriptor: all workers would poll the same socket, and Node aborts the process when a
 * thread that polls it ends.
 */
function refuseFd(server: Server, fd: number): void {
  const message = `listen({ fd: ${fd} }) cannot be balanced: listen on an address or a path`
  process.nextTick(() => server.emit('error', new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', message)))
}

interface Listen2Arguments {
  readonly address: string | null
  readonly port: number
  readonly addressType: number
  readonly backlog: number | undefined
  readonly flags: number | undefined
}

function listen(listening: Listening, original: Listen2, server: Server, wanted: Listen2Arguments): void {
  const { address, port, addressType, backlog = 0, flags = 0 } = wanted
  try {
    const opened = listening.open(server, {
      type: 'listen',
      address: address || null,
      port,
      addressType,
      backlog: backlog || 0,
      ipv6Only: (flags & IPV6_ONLY) !== 0,
      reusePort: (flags & REUSE_PORT) !== 0,
      noDelay: wantsNoDelay(server),
      ticketKeys: ticketKeysOf(server),
    })
    const internals = server as unknown as ServerInternals
    internals._handle = opened.handle
    followSessions(server)
    followHandshakes(server)
    original.call(server, opened.address, port, opened.addressType, backlog, undefined, flags)
  } catch (error) {
    process.nextTick(() => server.emit('error', error))
  }
}
