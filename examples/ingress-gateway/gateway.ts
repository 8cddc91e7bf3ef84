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
  /** null: none, each worker accepts for itself. */
  readonly balancing: DlbBalancing | null
  /** Whether the pod would have a device: without one, the hardware is not looked for. */
  readonly hasDevice: boolean
  /** Each DLB line, if wanted. */
  readonly debug: ((line: string) => void) | null
  /** What happens to workers and to the device. */
  readonly say: (line: string) => void
}

/** What every worker is given: as JSON, in its first argument. */
export interface Work {
  readonly listen: { readonly host: string; readonly port: number }
  readonly proxy: ProxySettings
}

/** Of one worker. */
export interface Load {
  readonly open: number
  /** Since the start. */
  readonly total: number
}

/** The gateway cannot start. The message names the fix. */
export class StartError extends Error {
  /** @param exitCode of a worker before it listened: the errno, if listening failed */
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
 * deals to them.
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
      // Without an error of its own, the worker has said by its exit code why it cannot listen.
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

  /** For people: what deals the connections, and why it does. */
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
   * Stops accepting and lets connections finish for so long. Called again, it can bring the
   * deadline forward.
   */
  async close(timeout: number): Promise<{ cut: number }> {
    const { cut } = await this.#balancer.close({ timeout })
    return { cut }
  }
}

/**
 * A pod without a device has what its EnvoyFilter wants for that case, as if the device could not
 * be had.
 */
function deviceOptions({ balancing, hasDevice }: GatewayOptions): Partial<BalancerOptions> {
  if (balancing === null) return { policy: 'nop' }
  const { id, maxRetries, fallbackPolicy } = balancing
  if (hasDevice) {
    // Without a word about it, no device is no failure.
    return { id, maxRetries, fallbackPolicy, ...(fallbackPolicy && { device: 'dlb' }) }
  }
  const policy = fallbackPolicy === 'nop' || fallbackPolicy === 'exact' ? fallbackPolicy : undefined
  return { device: 'software', maxRetries, policy }
}

function deviceText({ kind, id }: DeviceFacts, why: string): string {
  if (kind === 'none') return `none: each worker accepts for itself (${why})`
  return `${kind === 'dlb' ? `dlb ${id}` : kind} (${why})`
}
