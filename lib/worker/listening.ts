import type { Server } from 'node:net'
import type { Port } from '../device/device.ts'
import { type ErrorCode, NodeDlbError } from '../errors.ts'
import type { Control } from './control.ts'
import { createListenHandle, type ListenHandle } from './listen-handle.ts'
import { findPipe, type StreamHandleConstructor } from './node-handles.ts'
import type { ListenRequest, Reply } from './protocol.ts'

/** A listen handle for a server, and the address that Node's own code goes on with. */
export interface Opened {
  readonly handle: ListenHandle
  readonly address: string | null
  readonly addressType: number
}

/** One server that takes part in a listener of the main thread's. */
export interface Member {
  readonly server: Server
  readonly handle: ListenHandle
  /** The class of its connections' handles. */
  readonly Handle: StreamHandleConstructor
}

/** The servers of this worker that listen, by the id of the listener that they take part in. */
export class Listening {
  readonly #members = new Map<number, Member>()
  /** Those that hold the worker's loop open. */
  readonly #holders = new Set<number>()
  readonly #control: Control
  readonly #port: Port
  readonly #Tcp: StreamHandleConstructor
  #Pipe: StreamHandleConstructor | undefined

  constructor(control: Control, port: Port, Tcp: StreamHandleConstructor) {
    this.#control = control
    this.#port = port
    this.#Tcp = Tcp
  }

  find(listener: number): Member | undefined {
    return this.#members.get(listener)
  }

  servers(): Server[] {
    return [...this.#members.values()].map((member) => member.server)
  }

  /**
   * Binds, or joins what another worker has bound. A bind that fails gives a handle whose `listen` fails, so that
   * Node itself makes its error of it.
   * @throws what the balancer cannot do: ERR_DLB_NO_RESOURCES, ERR_DLB_TIMEOUT.
   */
  open(server: Server, request: ListenRequest): Opened {
    const Handle = request.port === -1 ? this.#pipe() : this.#Tcp
    const reply = this.#control.call(request)
    if (reply.type === 'listening') return this.#opened(server, Handle, request, reply)
    if (reply.type === 'failed') return failed(Handle, request, reply)
    if (reply.type === 'refused') throw new NodeDlbError(reply.code as ErrorCode, reply.message)
    throw new TypeError(`'${reply.type}' does not answer 'listen'`)
  }

  #opened(
    server: Server,
    Handle: StreamHandleConstructor,
    request: ListenRequest,
    { listener, queue, address }: Extract<Reply, { type: 'listening' }>,
  ): Opened {
    const handle = createListenHandle(Handle, {
      address,
      join: (handle) => {
        this.#members.set(listener, { server, handle, Handle })
        if (queue) this.#port.link(queue)
        this.#control.post({ type: 'listening' })
        return 0
      },
      leave: () => {
        if (queue) this.#port.unlink(queue)
        this.#members.delete(listener)
        this.#control.call({ type: 'leave', listener })
      },
      hold: (held) => this.#hold(listener, held),
    })
    if (typeof address === 'string') return { handle, address, addressType: request.addressType }
    return { handle, address: address.address, addressType: address.family === 'IPv6' ? 6 : 4 }
  }

  #hold(listener: number, held: boolean): void {
    if (held) this.#holders.add(listener)
    else this.#holders.delete(listener)
    if (this.#holders.size > 0) this.#port.ref()
    else this.#port.unref()
  }

  #pipe(): StreamHandleConstructor {
    this.#Pipe ??= findPipe()
    return this.#Pipe
  }
}

function failed(
  Handle: StreamHandleConstructor,
  request: ListenRequest,
  { errno, address }: Extract<Reply, { type: 'failed' }>,
): Opened {
  const handle = createListenHandle(Handle, {
    address: address ?? '',
    join: () => errno,
    leave: () => undefined,
    hold: () => undefined,
  })
  return { handle, address, addressType: request.addressType }
}
