import type { Balancer } from '../balancer/balancer.ts'
import { NodeDlbError } from '../errors.ts'
import type { Report } from './report.ts'

/** What SIGHUP does. Workers are replaced only once all have listened. */
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
    // If the start fails, the code that waits for it reports that.
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
      // If the balancer is closing, its end has been reported already.
      if (error.code !== 'ERR_DLB_CLOSED') this.#report.reloadFailed(error)
    }
  }
}
