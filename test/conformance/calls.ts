import type { DomainToken, Port, PortId, QueueId, SchedulingDomain } from '../../lib/device/device.ts'
import type { World } from './world.ts'

/** Calls that would be right, were the domain or the port not what it is. */
export function configurationCalls(domain: SchedulingDomain): Record<string, () => QueueId | PortId> {
  return {
    createLoadBalancedQueue: () => domain.createLoadBalancedQueue(),
    createDirectedQueue: () => domain.createDirectedQueue(),
    createLoadBalancedPort: () => domain.createLoadBalancedPort({ cqDepth: 8 }),
    createDirectedPort: () => domain.createDirectedPort({ cqDepth: 8 }),
  }
}

export function portCalls(port: Port, w: World): Record<string, () => unknown> {
  w.events.set(0, { queue: { kind: 'load-balanced', id: 0 } })
  return {
    send: () => port.send(w.events, 1),
    'send of none': () => port.send(w.events, 0),
    forward: () => port.forward(w.events, 1),
    receive: () => port.receive(w.events, 1),
    release: () => port.release(1),
    'release of none': () => port.release(0),
    onReadable: () => port.onReadable(() => undefined),
    link: () => port.link(w.queues[0]),
    unlink: () => port.unlink(w.queues[0]),
    enable: () => port.enable(),
    disable: () => port.disable(),
  }
}

export function domainCalls(domain: SchedulingDomain, w: World): Record<string, () => unknown> {
  const { id } = w.ports[0]
  return {
    ...configurationCalls(domain),
    start: () => domain.start(),
    attachPort: () => domain.attachPort(id),
    disablePort: () => domain.disablePort(id),
    enablePort: () => domain.enablePort(id),
    recover: () => domain.recover(id, w.events, 1),
    peek: () => domain.peek(id, w.events, 1),
    createEvents: () => domain.createEvents(1),
    share: (): DomainToken => domain.share(),
    stats: () => domain.stats(),
  }
}
