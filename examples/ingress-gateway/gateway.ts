import type { AddressInfo } from 'node:net'
import os from 'node:os'
import {
  type Balancer,
  type BalancerOptions,
  type DeviceFacts,
  EntryFailedError,
  startBalancer,
} from '../../lib/index.ts'
import type { DlbBalancing } from './istio/plan.ts'
import type { ProxySettings } from './proxy/server.ts'

export interface GatewayOptions {
  readonly workers: number
  readonly work: Work
  /** null: there is no device, and each worker accepts for itself. */
  readonly balancing: DlbBalancing | null
  /** Whether the pod would have a device. Without one, the hardware is not looked for. */
  readonly hasDevice: boolean
  /** Gets each line of the debug log; null if it is not wanted. */
  readonly debug: ((line: string) => void) | null
  /** Gets a line for what happens to workers and to the device. */
  readonly say: (line: string) => void
}

/** What every worker is given, as JSON in its first argument. */
export interface Work {
  readonly listen: { readonly host: string; readonly port: number }
  readonly proxy: ProxySettings
}

/** The connections of one worker. */
export interface Load {
  readonly open: number
  /** The connections since the start. */
  readonly total: number
}

/** The gateway cannot start. The message names the fix. */
export class StartError extends Error {
  /**
   * @param exitCode the exit code of a worker that ended before it listened: the errno, if
   *   listening failed
   */
  constructor({ host, port }: Work['listen'], exitCode: number | null) {
    const [, fix] = Object.entries(fixes).find(([errno]) => Number(errno) === exitCode) ?? []
    super(fix ? `cannot listen on ${host}:${port}: ${fix}` : `a worker ended with code ${exitCode} before it listened`)
    this.name = 'StartError'
  }
}

const { errno } = os.constants

const fixes: Readonly<Record<number, string>> = {
  [errno.EADDRINUSE]: 'something listens there already (EADDRINUSE); end it, or choose another port with --port',
  [errno.EACCES]: 'this port needs privileges (EACCES); choose one from 1024 with --port',
  [errno.EADDRNOTAVAIL]: 'the host is no address of this machine; choose one with --host, such as 0.0.0.0 for all',
}

/**
 * A gateway that runs: worker threads of this process, each with a proxy, and the balancer that
 * deals connections to them.
 */
export class Gateway {
  readonly #balancer: Balancer
  readonly #hasDevice: boolean

  /** @throws StartError, NodeDlbError */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { workers, work, debug } = options
    try {
      const balancer = await startBalancer({
        entry: new URL('./worker.js', import.meta.url),
        argv: [JSON.stringify(work)],
        workers,
        ...deviceOptions(options),
        debug: debug ?? undefined,
      })
      return new Gateway(balancer, options)
    } catch (error) {
      // A worker without an error of its own has said by its exit code why it cannot listen.
      if (!(error instanceof EntryFailedError) || error.workerError !== null) throw error
      throw new StartError(work.listen, error.exitCode)
    }
  }

  private constructor(balancer: Balancer, { hasDevice, say }: GatewayOptions) {
    this.#balancer = balancer
    this.#hasDevice = hasDevice
    balancer.on('error', (error) => say(error.message))
    balancer.on('fallback', (device) => say(`the device is now ${deviceText(device, device.reason)}`))
    balancer.on('worker-exit', ({ worker, code, error, respawnIn }) => {
      if (respawnIn === null) return
      say(
        `worker_${worker} died with code ${code}; its successor starts in ${respawnIn} ms${error ? `\n${error}` : ''}`,
      )
    })
  }

  get port(): number {
    return (this.#balancer.addresses[0] as AddressInfo).port
  }

  /** Says what deals the connections, and why. */
  get device(): string {
    const { device, policy } = this.#balancer.stats()
    const isTold = this.#hasDevice || policy === 'nop'
    return deviceText(device, isTold ? device.reason : 'the IstioOperator asks for no dlb.intel.com/pf')
  }

  get policy(): string {
    return this.#balancer.stats().policy
  }

  loads(): Load[] {
    return this.#balancer.stats().workers.map(({ active, adopted }) => ({ open: active, total: adopted }))
  }

  /**
   * Stops accepting and lets connections finish for at most `timeout` milliseconds. A second call
   * can bring the deadline forward.
   */
  async close(timeout: number): Promise<{ cut: number }> {
    const { cut } = await this.#balancer.close({ timeout })
    return { cut }
  }
}

/**
 * A pod without a device uses what its EnvoyFilter says for that case, as if the device could not
 * be had.
 */
function deviceOptions({ balancing, hasDevice }: GatewayOptions): Partial<BalancerOptions> {
  if (balancing === null) return { policy: 'nop' }
  const { id, maxRetries, fallbackPolicy } = balancing
  if (hasDevice) {
    // If the documents say nothing of it, a missing device is no failure.
    return { id, maxRetries, fallbackPolicy, ...(fallbackPolicy && { device: 'dlb' }) }
  }
  const policy = fallbackPolicy === 'nop' || fallbackPolicy === 'exact' ? fallbackPolicy : undefined
  return { device: 'software', maxRetries, policy }
}

function deviceText({ kind, id }: DeviceFacts, why: string): string {
  if (kind === 'none') return `none: each worker accepts for itself (${why})`
  return `${kind === 'dlb' ? `dlb ${id}` : kind} (${why})`
}
