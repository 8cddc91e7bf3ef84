import type { NodeDlbError } from '../../errors.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { loadAddon } from '../../native.ts'
import { proxiedClientOf } from '../../net/proxied-client.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { EligibilityObserver } from '../workers/eligibility.ts'
import type { Workers } from '../workers/workers.ts'
import type { ConnectionDomain, DomainHost } from './connection-domain.ts'
import { type AcceptPause, Dealer, type DealerParts } from './dealer.ts'
import type { Progress } from './device-probe.ts'
import { openDomain, openFallback } from './open-domain.ts'
import type { ClientTable } from './policies/client-table.ts'
import type { PolicyHost } from './policies/index.ts'

export interface DispatchParts {
  readonly options: ResolvedOptions
  readonly ledger: Ledger
  readonly clients: ClientTable
  readonly workers: Workers
}

/** The parts that the dispatch works with, and that need the dispatch themselves. */
export interface DispatchPartners extends DealerParts {
  readonly acceptSwitch: Accepting
  readonly failOver: DeviceFailures
}

interface Accepting extends AcceptPause {
  /** Called when main has accepted and dealt connections of the listener. */
  accepted(listener: number): void
}

/** Learns that the device has failed. */
export interface DeviceFailures {
  deviceFailed(error: NodeDlbError): void
}

/**
 * The domain that connections travel in, and the dealer that sends them there. When the device
 * fails, both are replaced, and this object stays.
 *
 * Main thread.
 */
export class Dispatch implements DomainHost, EligibilityObserver {
  readonly progress: Progress
  readonly policies: PolicyHost
  readonly workers: Workers
  readonly #options: ResolvedOptions
  #domain: ConnectionDomain
  /** null until `begin`. */
  #partners: DispatchPartners | null = null
  #dealer: Dealer | null = null

  /** Opens the domain. @throws the errors of `openDomain` */
  constructor({ options, ledger, clients, workers }: DispatchParts) {
    this.#options = options
    this.workers = workers
    this.progress = ledger.counters
    this.policies = {
      directed: (worker) => ledger.counters.directed(worker),
      clients,
      clientOf: (fd, proxied) => (proxied ? proxiedClientOf(fd) : loadAddon().clientOf(fd)),
    }
    this.#domain = openDomain(options, this)
  }

  get domain(): ConnectionDomain {
    return this.#domain
  }

  /** Invariant: the dealer is not used before `begin`. */
  get dealer(): Dealer {
    return this.#dealer as Dealer
  }

  /**
   * Makes the dealer. It is called once, as soon as the partners exist. Nothing is accepted before.
   */
  begin(partners: DispatchPartners): void {
    this.#partners = partners
    this.#dealer = new Dealer(this.#domain, partners)
  }

  /** Deals connections of the listener that main has accepted. The array is only read. */
  accepted(listener: number, fds: Int32Array, count: number): void {
    this.dealer.accept(listener, fds, count)
    this.#partners?.acceptSwitch.accepted(listener)
  }

  eligibilityChanged(worker: number, eligible: boolean): void {
    this.#domain.setEligible(worker, eligible)
  }

  /**
   * Replaces the failed domain by what `fallbackPolicy` says. @throws the errors of `openFallback`
   */
  fallBack(failure: NodeDlbError): void {
    this.#domain = openFallback(this.#options, this, failure)
    this.#dealer = new Dealer(this.#domain, this.#partners as DispatchPartners)
  }

  deviceFailed(error: NodeDlbError): void {
    this.#partners?.failOver.deviceFailed(error)
  }
}
