import dgram from 'node:dgram'
import type { AddressInfo } from 'node:net'
import type { BindRequest, Reply } from '../../protocol.ts'
import { type UdpHandle, udpStateOf } from '../../udp-internals.ts'
import { type Bound, excludes, isSame, isSameHost } from './addresses.ts'

const EADDRINUSE = -98
const ECANCELED = -125

interface SharedUdpSocket extends Bound {
  readonly id: number
  readonly address: AddressInfo
  readonly socket: dgram.Socket
  readonly fd: number
  readonly members: Set<number>
  /** Workers that had the socket and died. It stays open for their successors. */
  readonly awaited: Set<number>
}

/**
 * The UDP sockets that workers share, as the workers of node:cluster do. Main binds each address
 * once, and each worker reads through a duplicate of the descriptor. The kernel gives a datagram to
 * the worker that reads first. The device does not deal datagrams, and the ledger does not count
 * them. A socket closes with the last worker that has it, so it stays open while workers are
 * replaced.
 *
 * Main thread. It binds the sockets and never reads from them.
 */
export class Datagrams {
  readonly #sockets: SharedUdpSocket[] = []
  #lastId = 0
  #stopped = false

  join(worker: number, request: BindRequest): Reply {
    if (this.#stopped) return { type: 'failed', errno: ECANCELED, address: request.address }
    const found = this.#find(worker, request)
    if (found?.members.has(worker)) return { type: 'failed', errno: EADDRINUSE, address: request.address }
    const socket = found ?? this.#open(request)
    if (typeof socket === 'number') return { type: 'failed', errno: socket, address: request.address }
    socket.members.add(worker)
    socket.awaited.delete(worker)
    return { type: 'bound', socket: socket.id, fd: socket.fd }
  }

  leave(worker: number, id: number): void {
    for (const socket of this.#sockets.filter((each) => each.id === id)) this.#leave(socket, worker)
  }

  /** @param respawns whether a successor of the worker will bind the same sockets again */
  ended(worker: number, respawns: boolean): void {
    for (const socket of [...this.#sockets]) {
      if (respawns && socket.members.has(worker)) socket.awaited.add(worker)
      if (!respawns) socket.awaited.delete(worker)
      this.#leave(socket, worker)
    }
  }

  close(): void {
    this.#stopped = true
    for (const { socket } of this.#sockets.splice(0)) socket.close()
  }

  /**
   * Finds a socket that the worker may share, or a socket of its own that excludes the request.
   * Each worker's n-th socket on port 0 is the same one.
   */
  #find(worker: number, request: BindRequest): SharedUdpSocket | undefined {
    const isFree = ({ members }: SharedUdpSocket): boolean => !members.has(worker)
    if (request.port === 0) {
      return this.#sockets.find((each) => each.asked.port === 0 && isSameHost(each, request) && isFree(each))
    }
    const inTheWay = this.#sockets.find((each) => !isFree(each) && excludes(each, request))
    return inTheWay ?? this.#sockets.find((each) => isSame(each, request) && isFree(each))
  }

  /** @returns the socket, or a negative errno if it cannot be bound */
  #open(request: BindRequest): SharedUdpSocket | number {
    const socket = dgram.createSocket(request.family)
    const handle = udpStateOf(socket).handle as UdpHandle
    const address = {} as AddressInfo
    const error = handle.bind(request.address, request.port, request.flags) || handle.getsockname(address)
    if (error !== 0) {
      socket.close()
      return error
    }
    const id = ++this.#lastId
    const shared = {
      id,
      asked: request,
      address,
      socket,
      fd: handle.fd,
      members: new Set<number>(),
      awaited: new Set<number>(),
    }
    this.#sockets.push(shared)
    return shared
  }

  #leave(shared: SharedUdpSocket, worker: number): void {
    shared.members.delete(worker)
    if (shared.members.size > 0 || shared.awaited.size > 0) return
    this.#sockets.splice(this.#sockets.indexOf(shared), 1)
    shared.socket.close()
  }
}
