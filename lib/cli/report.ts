import type { AddressInfo } from 'node:net'
import type { Balancer } from '../balancer/balancer.ts'
import type { Shed } from '../balancer/stats/sheds.ts'
import type { BalancerStats } from '../balancer/stats/stats.ts'
import type { RollingReport } from '../balancer/workers/rolling-restart.ts'
import { EntryFailedError } from '../balancer/workers/start-watch.ts'
import type { Death } from '../balancer/workers/workers.ts'
import type { NodeDlbError } from '../errors.ts'
import { print } from '../print.ts'

/**
 * Milliseconds within which late workers share one message. Workers that start together become late
 * a few milliseconds apart.
 */
const SAME_TIME_MS = 100

/** Prints all of the command's messages, on stderr: stdout is the app's. */
export class Report {
  readonly #quiet: boolean
  /** Late workers that no message has named yet. */
  readonly #late: number[] = []
  /** Workers that ended with code 0 before the start was done. */
  readonly #finished: number[] = []
  #hasStarted = false
  #hasListened = false

  constructor(quiet: boolean) {
    this.#quiet = quiet
  }

  /** Reports what happens to the workers from now on. */
  follow(balancer: Balancer, entry: string): void {
    balancer.on('listening', () => {
      this.#hasListened = true
    })
    balancer.on('worker-exit', (death) => this.#tellEnd(death, balancer))
    balancer.on('worker-late', ({ worker, timeout }) => this.#tellLate(worker, timeout, entry))
    balancer.on('worker-replaced', ({ worker, by }) => this.#say(`worker_${by} listens, worker_${worker} has ended`))
    balancer.on('cut', ({ worker, connections }) =>
      this.error(`worker_${worker}: ${count(connections, 'connection')} open at the deadline, cut now`),
    )
    balancer.on('shed', (shed) => this.error(shedText(shed)))
    balancer.on('fallback', (device) => this.error(`falls back to ${deviceText(device)}: ${device.reason}`))
    balancer.on('error', (error) => this.error(error.message))
  }

  started(balancer: Balancer, entry: string): void {
    const { device, policy } = balancer.stats()
    this.#hasStarted = true
    const there = left(balancer)
    if (there === 0) {
      if (!this.#hasListened)
        this.#say(`${entry} has ended with exit code 0, and never called listen(): there was nothing to serve`)
      return
    }
    const where = balancer.addresses.map(addressText).join(', ')
    // The reason for a fallback has been reported.
    const reason = device.fallback ? '' : ` (${device.reason})`
    this.#say(
      `${count(there, 'worker')} on ${deviceText(device)}${reason}, policy ${policy}, ` +
        (where === '' ? 'listening nowhere yet' : `listening on ${where}`),
    )
    const ended = this.#finished.splice(0)
    if (ended.length > 0)
      this.#say(`${names(ended)} ended with exit code 0 without listening, and ${are(ended)} not started again`)
  }

  reloading(when: 'now' | 'once all listen'): void {
    this.#say(`SIGHUP: replaces the workers one after the other${when === 'now' ? '' : ', once all listen'}`)
  }

  notReloading(): void {
    this.#say('SIGHUP: replaces nothing, since the workers are ending')
  }

  reloaded({ ended, cut }: RollingReport): void {
    const cutText = cut > 0 ? `, ${count(cut, 'connection')} cut at the deadline` : ''
    this.#say(`reloaded: ${count(ended, 'worker')} replaced${cutText}`)
  }

  /** Answers SIGUSR2 if `--stats` was not given. */
  noStats(): void {
    this.#say('SIGUSR2: with the option --stats <file>, this writes the figures')
  }

  /** Reports a failed reload. The workers that were not replaced go on. */
  reloadFailed(error: NodeDlbError): void {
    if (error instanceof EntryFailedError && error.workerError !== null) this.#print(error.workerError)
    this.error(`the reload failed, and workers that were not replaced go on: ${error.message}`)
  }

  draining(signal: NodeJS.Signals, timeout: number): void {
    this.#say(`${signal}: no new connections; open ones have ${timeout / 1000} s to finish (send it again to cut them)`)
  }

  closed(cut: number, drained: boolean): void {
    if (cut > 0) this.error(`${count(cut, 'connection')} ${cut === 1 ? 'was' : 'were'} cut`)
    else if (drained) this.#say('all connections finished')
  }

  error(message: string): void {
    this.#print(`node-dlb: ${message}`)
  }

  /** Prints an uncaught error in the way that Node does. */
  uncaught(text: string): void {
    this.#print(`${text}\n\nNode.js ${process.version}`)
  }

  #tellEnd({ worker, code, error, respawnIn, finished }: Death, balancer: Balancer): void {
    // A failed start or reload is reported when its promise rejects, and not here.
    const isOfDrain = this.#hasStarted && balancer.health().status === 'closing'
    if (error !== null && (respawnIn !== null || finished || isOfDrain)) this.#print(error)
    if (respawnIn !== null) {
      this.error(`worker_${worker} died with exit code ${code}; its successor starts in ${respawnIn} ms`)
    } else if (finished && !this.#hasStarted) {
      this.#finished.push(worker)
    } else if (finished) {
      this.#say(
        `worker_${worker} has ended itself with exit code 0, and is not started again: ` +
          `${count(left(balancer), 'worker')} left`,
      )
    }
  }

  /** Workers that are late at the same time share a line. */
  #tellLate(worker: number, timeout: number, entry: string): void {
    this.#late.push(worker)
    if (this.#late.length > 1) return
    const tell = (): void => {
      const late = this.#late.splice(0)
      const have = late.length === 1 ? 'has' : 'have'
      this.error(
        `${names(late)} ${have} not listened after ${timeout / 1000} s: ${entry} has to call listen(); still waiting`,
      )
    }
    setTimeout(tell, SAME_TIME_MS).unref()
  }

  #say(message: string): void {
    if (!this.#quiet) this.error(message)
  }

  #print(text: string): void {
    print(2, `${text}\n`)
  }
}

/** How many workers live, or will live again. */
function left(balancer: Balancer): number {
  return balancer.stats().workers.filter(({ state }) => state !== 'vacant' && state !== 'finished').length
}

function names(workers: readonly number[]): string {
  return workers.map((worker) => `worker_${worker}`).join(', ')
}

function are(workers: readonly number[]): string {
  return workers.length === 1 ? 'is' : 'are'
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function shedText({ reason, connections, limit }: Shed & { limit: number }): string {
  const closed = `${count(connections, 'connection')} closed at once`
  if (reason === 'device-full') return `the device has been full for too long (--max-retries): ${closed}`
  if (reason === 'limit') return `the limit on connections is reached: ${closed} (--over-limit)`
  return (
    `the process has used up its ${limit} file descriptors: ${closed}. ` +
    'Raise the limit (ulimit -n, LimitNOFILE= in a systemd unit), ' +
    'or have fewer connections at a time (--max-connections)'
  )
}

function deviceText({ kind, id, version }: BalancerStats['device']): string {
  if (kind === 'none') return 'no device'
  return kind === 'dlb' ? `dlb device ${id}, ${version}` : 'the software device'
}

function addressText(address: AddressInfo | string): string {
  if (typeof address === 'string') return address
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`
}
