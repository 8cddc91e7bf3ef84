import type { AddressInfo } from 'node:net'
import { type Balancer, EntryFailedError, startBalancer } from '../../lib/index.ts'
import { type CloseOutcome, type Gateway, type GatewayOptions, type Load, StartError } from './gateway.ts'

export interface BalancedOptions extends GatewayOptions {
  /** Whether the pod would have a device: without one, the hardware is not looked for. */
  readonly hasDevice: boolean
}

/**
 * The gateway with DLB connection balancing: worker threads of this process, to which the queue device deals the
 * connections. @throws StartError, NodeDlbError
 */
export async function startBalanced(options: BalancedOptions): Promise<Gateway> {
  const { workers, work, hasDevice, debug } = options
  try {
    const balancer = await startBalancer({
      entry: new URL('./worker.js', import.meta.url),
      argv: [JSON.stringify(work)],
      workers,
      ...(hasDevice ? {} : { device: 'software' }),
      debug: debug ?? undefined,
    })
    return new BalancedGateway(balancer, options)
  } catch (error) {
    // Without an error of its own, the worker has said by its exit code why it cannot listen.
    if (!(error instanceof EntryFailedError) || error.workerError !== null) throw error
    throw new StartError(work.listen, error.exitCode)
  }
}

class BalancedGateway implements Gateway {
  readonly port: number
  readonly device: string
  readonly policy: string
  readonly workers: string
  readonly #balancer: Balancer

  constructor(balancer: Balancer, { workers, hasDevice, say }: BalancedOptions) {
    const { device, policy } = balancer.stats()
    const why = hasDevice ? device.reason : 'the IstioOperator asks for no dlb.intel.com/pf'
    this.port = (balancer.addresses[0] as AddressInfo).port
    this.device = `${device.kind} (${why})`
    this.policy = policy
    this.workers = `${workers} threads`
    this.#balancer = balancer
    balancer.on('error', (error) => say(error.message))
    balancer.on('worker-exit', ({ worker, code, error, respawnIn }) => {
      if (respawnIn === null) return
      say(
        `worker_${worker} died with code ${code}; its successor starts in ${respawnIn} ms${error ? `\n${error}` : ''}`,
      )
    })
  }

  loads(): Load[] {
    return this.#balancer.stats().workers.map(({ active, adopted }) => ({ open: active, total: adopted }))
  }

  async close(timeout: number): Promise<CloseOutcome> {
    const { cut } = await this.#balancer.close({ timeout })
    return { cut }
  }
}
