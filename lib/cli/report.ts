import fs from 'node:fs'
import type { AddressInfo } from 'node:net'
import type { Balancer } from '../balancer/balancer.ts'
import type { RollingReport } from '../balancer/rolling.ts'
import { EntryFailedError } from '../balancer/startup.ts'
import type { BalancerStats } from '../balancer/stats.ts'
import type { NodeDlbError } from '../errors.ts'

/** All that the command prints, on stderr: stdout is the app's. */
export class Report {
  readonly #quiet: boolean
  /** '-' is stderr. */
  readonly #statsFile: string | null

  constructor(quiet: boolean, statsFile: string | null) {
    this.#quiet = quiet
    this.#statsFile = statsFile
  }

  /** Deaths, from here on. */
  follow(balancer: Balancer): void {
    balancer.on('worker-exit', ({ worker, code, error, respawnIn }) => {
      if (respawnIn === null) return
      if (error !== null) this.#print(error)
      this.error(`worker_${worker} died with exit code ${code}; its successor starts in ${respawnIn} ms`)
    })
    balancer.on('worker-late', ({ worker, timeout }) =>
      this.error(`worker_${worker} does not listen after ${timeout / 1000} s: it gets no connections before it does`),
    )
    balancer.on('worker-replaced', ({ worker, by }) => this.#say(`worker_${by} listens, worker_${worker} has ended`))
    balancer.on('cut', ({ worker, connections }) =>
      this.error(`worker_${worker}: ${count(connections)} open at the deadline, cut now`),
    )
    balancer.on('fallback', (device) => this.error(`falls back to ${deviceText(device)}: ${device.reason}`))
    balancer.on('error', (error) => this.error(error.message))
  }

  started(balancer: Balancer): void {
    const { device, policy, workers } = balancer.stats()
    if (workers.every(({ state }) => state === 'finished')) return
    const where = balancer.addresses.map(addressText).join(', ')
    this.#say(
      // The reason for a fallback has been told.
      `${workers.length} workers on ${deviceText(device)}${device.fallback ? '' : ` (${device.reason})`}, policy ${policy}, ` +
        (where === '' ? 'listening nowhere yet' : `listening on ${where}`),
    )
  }

  reloading(): void {
    this.#say('SIGHUP: replaces the workers one after the other')
  }

  reloaded({ ended, cut }: RollingReport): void {
    this.#say(`reloaded: ${ended} workers replaced${cut > 0 ? `, ${count(cut)} cut at the deadline` : ''}`)
  }

  /** The workers that were there go on. */
  reloadFailed(error: NodeDlbError): void {
    if (error instanceof EntryFailedError && error.workerError !== null) this.#print(error.workerError)
    this.error(`not reloaded, what has not been replaced goes on: ${error.message}`)
  }

  draining(signal: NodeJS.Signals, timeout: number): void {
    this.#say(`${signal}: no new connections; open ones have ${timeout / 1000} s to finish (once more: cut them now)`)
  }

  closed(cut: number, drained: boolean): void {
    if (cut > 0) this.error(`${count(cut)} ${cut === 1 ? 'was' : 'were'} cut`)
    else if (drained) this.#say('all connections finished')
  }

  error(message: string): void {
    this.#print(`node-dlb: ${message}`)
  }

  /** As Node prints an uncaught error. */
  uncaught(text: string): void {
    this.#print(`${text}\n\nNode.js ${process.version}`)
  }

  writeStats(stats: BalancerStats): void {
    if (this.#statsFile === null) return
    const text = `${JSON.stringify(stats, null, 2)}\n`
    if (this.#statsFile === '-') process.stderr.write(text)
    else this.#writeFile(this.#statsFile, text)
  }

  #writeFile(file: string, text: string): void {
    // Whoever reads it finds all of the old figures or all of the new ones.
    const temporary = `${file}.${process.pid}.tmp`
    try {
      fs.writeFileSync(temporary, text)
      fs.renameSync(temporary, file)
    } catch (error) {
      this.error(`cannot write the figures: ${(error as Error).message}`)
    }
  }

  #say(message: string): void {
    if (!this.#quiet) this.error(message)
  }

  #print(text: string): void {
    process.stderr.write(`${text}\n`)
  }
}

function count(connections: number): string {
  return `${connections} ${connections === 1 ? 'connection' : 'connections'}`
}

function deviceText({ kind, id, version }: BalancerStats['device']): string {
  if (kind === 'none') return 'no device'
  return kind === 'dlb' ? `dlb device ${id}, ${version}` : 'the software device'
}

function addressText(address: AddressInfo | string): string {
  if (typeof address === 'string') return address
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`
}
