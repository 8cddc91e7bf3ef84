import type { AddressInfo } from 'node:net'
import type { Listener } from '../../net/listening-socket.ts'

/** What a listener's entry has of its socket. */
export type ListenerSocket = Pick<
  Listener,
  | 'address'
  | 'fd'
  | 'pause'
  | 'resume'
  | 'hasWaiting'
  | 'isInPlace'
  | 'hasFile'
  | 'finish'
  | 'close'
  | 'leaveToOthers'
  | 'isConnection'
  | 'copyPermissionsTo'
  | 'counters'
>

/**
 * In the place of a socket that cannot be bound, as long as other workers listen on an address that
 * overlaps: one on all addresses of the machine, and the other on 127.0.0.1. On a single thread the
 * server would have the address, so `listen` succeeds; mostly it only finds out whether the port is
 * free, and closes. No connection comes here: they go to whoever has the port.
 */
export class UnboundListener implements ListenerSocket {
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

  counters(): ReturnType<Listener['counters']> {
    return { accepted: 0, shed: 0, aborted: 0, backoffs: 0 }
  }

  copyPermissionsTo(): void {
    // There is no file.
  }

  pause(): void {
    // There is nothing to accept, here and below.
  }

  resume(): void {
    // As `pause`.
  }

  finish(): void {
    // As `pause`.
  }

  leaveToOthers(): void {
    // As `pause`.
  }

  close(): void {
    // As `pause`.
  }
}
