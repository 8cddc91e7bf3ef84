import type { Device, Port, PortId, QueueId, SchedulingDomain } from '../device/device.ts'
import { openDevice } from '../device/open.ts'
import type { ResolvedOptions } from './options.ts'
import type { Policy } from './policies.ts'

/** A port has at most 8 links, so a worker can serve so many listeners; each has a queue of its own. */
const LISTENER_QUEUES = 8
/** At most so many connections wait at one worker: measured to keep the tails low when a worker is stuck. */
const WORKER_CQ_DEPTH = 8
const ACCEPTOR_CQ_DEPTH = 64
const CREDITS_PER_WORKER = 64
const BASE_CREDITS = 320

/** The part of the device that one balancer uses. All of it is made before the start: a started domain is fixed. */
export interface Fabric {
  readonly device: Device
  readonly domain: SchedulingDomain
  /** This thread's: sends connections, and receives what nobody else will. */
  readonly acceptorPort: Port
  readonly workerPorts: readonly PortId[]
  /** For listeners; null if the policy addresses workers. */
  readonly queues: readonly QueueId[] | null
  /** By worker, if the policy addresses workers. */
  readonly directQueues: readonly QueueId[]
  close(): void
}

/** @throws ERR_DLB_DEVICE_UNAVAILABLE, ERR_DLB_NO_RESOURCES; nothing is left open then. */
export function openFabric(options: ResolvedOptions, policy: Policy): Fabric {
  const device = openDevice(options.device ? { device: options.device } : {})
  try {
    return createFabric(device, options, policy)
  } catch (error) {
    device.close()
    throw error
  }
}

function createFabric(device: Device, { workers, credits }: ResolvedOptions, policy: Policy): Fabric {
  const balanced = policy.portKind === 'load-balanced'
  const domain = device.createDomain({
    loadBalancedQueues: LISTENER_QUEUES,
    loadBalancedPorts: balanced ? workers + 1 : 1,
    directedPorts: balanced ? 0 : workers,
    eventStateEntries: (balanced ? workers * WORKER_CQ_DEPTH : 0) + ACCEPTOR_CQ_DEPTH,
    credits: credits ?? BASE_CREDITS + workers * CREDITS_PER_WORKER,
  })
  try {
    const queues = Array.from({ length: LISTENER_QUEUES }, () => domain.createLoadBalancedQueue())
    const acceptor = domain.createLoadBalancedPort({ cqDepth: ACCEPTOR_CQ_DEPTH })
    const workerPorts = Array.from({ length: workers }, () =>
      balanced
        ? domain.createLoadBalancedPort({ cqDepth: WORKER_CQ_DEPTH })
        : domain.createDirectedPort({ cqDepth: WORKER_CQ_DEPTH }),
    )
    domain.start()
    return {
      device,
      domain,
      acceptorPort: domain.attachPort(acceptor),
      workerPorts,
      queues: balanced ? queues : null,
      // A directed port consumes the queue with its own id.
      directQueues: balanced ? [] : workerPorts.map(({ id }) => ({ kind: 'directed', id })),
      close() {
        domain.close()
        device.close()
      },
    }
  } catch (error) {
    domain.close()
    throw error
  }
}
