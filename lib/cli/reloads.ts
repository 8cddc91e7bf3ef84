import type { Balancer } from '../balancer/balancer.ts'
import { NodeDlbError } from '../errors.ts'
import type { Report } from './report.ts'

/** What SIGHUP does. Workers that have not all listened yet are not replaced before they have. */
export class Reloads {
  readonly #balancer: Balancer
  readonly #report: Report
  #start: Promise<void> = Promise.resolve()
  #isStarting = false

  constructor(balancer: Balancer, report: Report) {
    this.#balancer = balancer
    this.#report = report
  }

  after(start: Promise<void>): Promise<void> {
    this.#isStarting = true
    this.#start = start.finally(() => {
      this.#isStarting = false
    })
    return this.#start
  }

  async reload(): Promise<void> {
    if (this.#balancer.health().status === 'closing') {
      this.#report.notReloading()
      return
    }
    this.#report.reloading(this.#isStarting ? 'once all listen' : 'now')
    // Whoever waits for the start tells of its failure.
    const started = await this.#start.then(
      () => true,
      () => false,
    )
    if (started) await this.#replace()
  }

  async #replace(): Promise<void> {
    try {
      this.#report.reloaded(await this.#balancer.reload())
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      // That it is closing has been told.
      if (error.code !== 'ERR_DLB_CLOSED') this.#report.reloadFailed(error)
    }
  }
}
