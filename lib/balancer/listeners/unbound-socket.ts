import type { AddressInfo } from 'node:net'
import type { ListeningSocket } from '../../net/listening-socket.ts'

/** What a listener uses of its socket. */
export type ListenerSocket = Pick<
  ListeningSocket,
  | 'address'
  | 'fd'
  | 'pause'
  | 'resume'
  | 'hasWaiting'
  | 'isInPlace'
  | 'hasFile'
  | 'acceptRestAndClose'
  | 'close'
  | 'leaveToOthers'
  | 'isConnection'
  | 'copyPermissionsTo'
  | 'counters'
>

/**
 * Stands for a socket that cannot be bound while other workers listen on an address that overlaps,
 * such as all addresses of the machine and 127.0.0.1. On a single thread the server would have the
 * address, so `listen` succeeds. Usually such a server only finds out whether the port is free, and
 * closes. It gets no connections: those go to the listener that has the port.
 */
export class UnboundSocket implements ListenerSocket {
  readonly address: AddressInfo
  readonly fd = -1
  readonly hasWaiting = false
  readonly isInPlace = true
  readonly hasFile = true

  constructor(address: AddressInfo) {
    this.address = address
  }

  isConnection(): boolean {
    return false
  }

  counters(): ReturnType<ListeningSocket['counters']> {
    return { accepted: 0, shed: 0, aborted: 0, backoffs: 0 }
  }

  copyPermissionsTo(): void {
    // An unbound socket has no file.
  }

  pause(): void {
    // There is nothing to accept. The methods below are empty for the same reason.
  }

  resume(): void {
    // There is nothing to accept.
  }

  acceptRestAndClose(): void {
    // There is nothing to accept.
  }

  leaveToOthers(): void {
    // There is nothing to accept.
  }

  close(): void {
    // There is nothing to accept.
  }
}
