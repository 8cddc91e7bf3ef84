import type { ProxiedAddresses } from '../../net/proxy-header.ts'
import { type Member, serverOf } from '../listen/member.ts'
import { type StreamHandle, wantsNoDelay } from '../node-handles.ts'
import type { Adoption, OnClosed } from './adoption.ts'
import { setAddresses } from './proxied.ts'

/**
 * Stands for a delivery that comes later: the connection is delivered, or closed, once its PROXY
 * header has arrived.
 */
export const LATER = 'later'

/** A connection that this worker has claimed, and the server that takes it. */
export interface Delivery {
  readonly adoption: Adoption
  readonly member: Member
  readonly fd: number
  readonly stamp: number
  readonly onClosed: OnClosed | null
}

/**
 * Makes Node's own handle for the connection, and gives it to the server. `addresses`: the
 * addresses in the PROXY header, or null. The user's 'connection' handler runs inside, and an error
 * that it throws is passed on.
 *
 * Each delivery has a callback of the loop of its own, and is the last thing that this callback
 * does. So what the handler leaves to nextTick and to promises is done before the next connection,
 * and an error that it throws is an uncaught exception, as without a balancer.
 */
export function deliver(delivery: Delivery, addresses: ProxiedAddresses | null = null): void {
  delivery.member.accept(() => open(delivery, addresses))
}

function open(delivery: Delivery, addresses: ProxiedAddresses | null): StreamHandle | null {
  const { adoption, member, fd, stamp, onClosed } = delivery
  const client = adoption.open(fd, stamp, onClosed, member.inheritsNoDelay)
  if (client === null) {
    onClosed?.()
    return null
  }
  if (addresses) setAddresses(client, addresses)
  if (member.inheritsNoDelay && !wantsNoDelay(serverOf(member))) client.setNoDelay?.(false)
  return client
}
