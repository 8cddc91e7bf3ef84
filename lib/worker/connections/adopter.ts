import { type Connection, type Ledger, NO_STAMP } from '../../ledger/ledger.ts'
import type { ProxiedAddresses } from '../../net/proxy-header.ts'
import type { Control } from '../control.ts'
import type { Member, Members } from '../listen/member.ts'
import type { StreamHandleConstructor } from '../node-handles.ts'
import { Adoption } from './adoption.ts'
import type { Completions } from './completions.ts'
import { type Delivery, deliver, LATER } from './delivery.ts'
import { readProxyHeader } from './proxied.ts'

export interface AdopterOptions {
  readonly ledger: Ledger
  readonly worker: number
  readonly members: Members
  readonly control: Control
}

/** Adopts connections for the servers of this worker. */
export class Adopter {
  readonly #ledger: Ledger
  readonly #worker: number
  readonly #members: Members
  readonly #control: Control
  readonly #adoptions = new Map<StreamHandleConstructor, Adoption>()

  constructor({ ledger, worker, members, control }: AdopterOptions) {
    this.#ledger = ledger
    this.#worker = worker
    this.#members = members
    this.#control = control
  }

  /**
   * Adopts a connection that this worker was dealt. `completions` are those of its event.
   * @returns null if the connection is not for this worker to take
   */
  adopt(listener: number, fd: number, stamp: number, completions: Completions): Delivery | typeof LATER | null {
    const counts = completions.counts(listener)
    const delivery = this.#claim(listener, fd, stamp, counts ? completions.closed : null)
    if (counts && delivery) completions.opened()
    else completions.done()
    return delivery
  }

  /**
   * Adopts a pending connection that this worker has accepted for itself. The listener is known,
   * because it closes with its server.
   * @returns null if the ledger has no entry for it; then the caller closes it
   */
  adoptPending(listener: number, fd: number): Delivery | typeof LATER | null {
    const member = this.#members.find(listener) as Member
    const adoption = this.#adoptionFor(member.Handle)
    const stamp = adoption.claimPending(fd)
    return stamp === NO_STAMP ? null : claimed({ adoption, member, fd, stamp, onClosed: null })
  }

  /** Gives a connection back to main, which deals it again. */
  giveBack(connection: Connection): void {
    this.#control.post({ type: 'return', ...connection })
  }

  #claim(listener: number, fd: number, stamp: number, onClosed: Delivery['onClosed']): Delivery | typeof LATER | null {
    const member = this.#members.find(listener)
    if (!member) {
      // The connection was dealt before the server closed.
      this.giveBack({ listener, fd, stamp })
      return null
    }
    const adoption = this.#adoptionFor(member.Handle)
    return adoption.claim(fd, stamp) ? claimed({ adoption, member, fd, stamp, onClosed }) : null
  }

  #adoptionFor(Handle: StreamHandleConstructor): Adoption {
    const known = this.#adoptions.get(Handle) ?? new Adoption(Handle, this.#ledger, this.#worker)
    this.#adoptions.set(Handle, known)
    return known
  }
}

function claimed(delivery: Delivery): Delivery | typeof LATER {
  if (!delivery.member.proxied) return delivery
  openLater(delivery)
  return LATER
}

/** Delivers the connection once its header is read, on a later turn of the loop. */
function openLater(delivery: Delivery): void {
  const { adoption, fd, stamp, onClosed } = delivery
  const refuse = (): void => {
    adoption.abandon(fd, stamp)
    onClosed?.()
  }
  // The server may have closed meanwhile. It still finishes this connection, like any that came
  // before.
  const open = (addresses: ProxiedAddresses | null): void => deliver(delivery, addresses)
  setImmediate(readProxyHeader, { fd, open, refuse })
}
