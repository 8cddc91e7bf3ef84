import type { Test } from 'tap'
import type { DomainConfig, Resources, SchedulingDomain } from '../../lib/device/device.ts'
import { until } from '../deadline.ts'
import { configurationCalls } from './calls.ts'
import { outOfRange } from './ranges.ts'
import { noNumbers, refused, setUp, visible, wrong } from './refusals.ts'
import type { Open } from './world.ts'

type Share = Exclude<keyof Resources, 'domains'>
const shares: readonly Share[] = [
  'loadBalancedQueues',
  'loadBalancedPorts',
  'directedPorts',
  'eventStateEntries',
  'credits',
  'sequenceNumberSlots',
]

/** Devices, domains, queues and ports are made of what there is, or not at all. */
export function configuration(t: Test, open: Open): void {
  domains(t, open)
  devices(t, open)
  usedUp(t, open)
  outOfRange(t, open)

  t.test('a started domain cannot be configured or started again', async (t) => {
    const { device, domain } = setUp(t, open, { loadBalancedQueues: 2, loadBalancedPorts: 2, directedPorts: 2 })
    domain.createLoadBalancedQueue()
    domain.start()
    const before = visible(device, domain)
    for (const [name, call] of Object.entries(configurationCalls(domain))) {
      refused(t, 'ERR_DLB_ALREADY_STARTED', call, name)
    }
    refused(t, 'ERR_DLB_ALREADY_STARTED', () => domain.start(), 'a second start')
    t.same(visible(device, domain), before)
  })
}

function domains(t: Test, open: Open): void {
  t.test('a domain of a wrong shape takes nothing from the device', async (t) => {
    const device = open()
    t.teardown(() => device.close())
    const before = visible(device)
    for (const config of [undefined, null, 5, 'all']) {
      refused(t, 'ERR_DLB_INVALID_ARGUMENT', () => device.createDomain(wrong(config)), `config ${String(config)}`)
    }
    for (const name of shares) {
      for (const value of [-1, ...noNumbers]) {
        const config = wrong<DomainConfig>({ [name]: value })
        refused(t, 'ERR_DLB_INVALID_ARGUMENT', () => device.createDomain(config), `${name} ${String(value)}`)
      }
    }
    const few = { loadBalancedPorts: 4, eventStateEntries: 3 }
    refused(t, 'ERR_DLB_INVALID_ARGUMENT', () => device.createDomain(few), 'less than an entry for each port')
    refused(t, 'ERR_DLB_INVALID_ARGUMENT', () => device.createDomain({ credits: 0 }), 'no credits')
    t.same(visible(device), before)
  })

  t.test('a domain takes its share, gives it back, and cannot have more than there is', async (t) => {
    const device = open()
    t.teardown(() => device.close())
    const free = device.resources()
    for (const name of shares) {
      // Queues need a port, and each port an entry.
      const ports = (n: number) => (name === 'loadBalancedPorts' ? n : Number(name === 'loadBalancedQueues'))
      const only = (n: number): DomainConfig => {
        return { credits: 1, loadBalancedPorts: ports(n), eventStateEntries: ports(n), [name]: n }
      }
      refused(t, 'ERR_DLB_NO_RESOURCES', () => device.createDomain(only(free[name] + 1)), `${name} + 1`)
      t.same(device.resources(), free)
      const domain = device.createDomain(only(free[name]))
      t.equal(device.resources()[name], 0)
      t.equal(device.resources().domains, free.domains - 1)
      refused(t, 'ERR_DLB_NO_RESOURCES', () => device.createDomain(only(1)), `${name} that another domain has`)
      domain.close()
      t.same(device.resources(), free)
    }
  })

  t.test('load-balanced queues without a load-balanced port are refused, and why', async (t) => {
    const device = open()
    t.teardown(() => device.close())
    const before = visible(device)
    for (const directedPorts of [0, 1]) {
      const config = { loadBalancedQueues: 1, directedPorts }
      t.throws(() => device.createDomain(config), { code: 'ERR_DLB_INVALID_ARGUMENT', message: /loadBalancedPorts/ })
    }
    t.same(visible(device), before)
  })

  t.test('ordered queues are as the domain was told', async (t) => {
    const device = open()
    t.teardown(() => device.close())
    const shape = { loadBalancedQueues: 16, loadBalancedPorts: 1 }
    const tries = [[1024], [64, 1024], [128, 128, 512], [256, 256, 256, 256], Array.from({ length: 16 }, () => 64)]
    for (const sequenceNumbers of tries) {
      const domain = device.createDomain({ ...shape, sequenceNumbers })
      const before = domain.stats()
      const other = [64, 128, 256, 512, 1024].find((size) => !sequenceNumbers.includes(size)) as number
      refused(t, 'ERR_DLB_NO_RESOURCES', () => domain.createLoadBalancedQueue({ sequenceNumbers: other }), `${other}`)
      t.same(domain.stats(), before)
      for (const size of sequenceNumbers) domain.createLoadBalancedQueue({ sequenceNumbers: size })
      const [first] = sequenceNumbers
      const more = () => domain.createLoadBalancedQueue({ sequenceNumbers: first })
      if (sequenceNumbers.length < 16) refused(t, 'ERR_DLB_NO_RESOURCES', more, `one more of ${first}`)
      domain.close()
    }
    const wrongOnes = [0, 96, [64, 0], [64, '64'], { length: 1 }, [Number.NaN], 'all', { length: 2 ** 31 }]
    for (const sequenceNumbers of wrongOnes.map((value) => wrong<number[]>(value))) {
      refused(t, 'ERR_DLB_INVALID_ARGUMENT', () => device.createDomain({ ...shape, sequenceNumbers }), 'a wrong size')
    }
    const unlike = { ...shape, sequenceNumbers: [64], sequenceNumberSlots: 2 }
    refused(t, 'ERR_DLB_INVALID_ARGUMENT', () => device.createDomain(unlike), 'one size for two queues')
  })

  t.test('there are as many domains as resources() says, each with an id of its own', async (t) => {
    const device = open()
    t.teardown(() => device.close())
    const free = device.resources()
    const all = Array.from({ length: free.domains }, () => device.createDomain({ credits: 1 }))
    t.teardown(() => {
      for (const domain of all) domain.close()
    })
    t.equal(new Set(all.map((domain) => domain.id)).size, free.domains)
    const before = visible(device)
    refused(t, 'ERR_DLB_NO_RESOURCES', () => device.createDomain({ credits: 1 }), 'one domain more')
    t.same(visible(device), before)
    all[3].close()
    all[3] = device.createDomain({ credits: 1 })
    t.equal(new Set(all.map((domain) => domain.id)).size, free.domains)
    for (const domain of all) domain.close()
    t.same(device.resources(), free)
  })
}

function devices(t: Test, open: Open): void {
  t.test('a device with an open domain cannot be closed; a closed one is of no use', async (t) => {
    const device = open()
    const domain = device.createDomain({})
    refused(t, 'ERR_DLB_IN_USE', () => device.close(), 'close with an open domain')
    t.equal(domain.createEvents(1).length, 1, 'the domain is as it was')
    t.doesNotThrow(() => device.resources(), 'and the device too')
    domain.close()
    device.close()
    t.doesNotThrow(() => device.close(), 'a second close does nothing')
    refused(t, 'ERR_DLB_CLOSED', () => device.resources(), 'resources')
    refused(t, 'ERR_DLB_CLOSED', () => device.createDomain({}), 'createDomain')
  })

  t.test('all queues and ports of the device work in one domain', async (t) => {
    const device = open()
    const free = device.resources()
    device.close()
    const { domain } = setUp(t, open, { ...free, eventStateEntries: free.loadBalancedPorts * 8, credits: 1024 })
    const queues = Array.from({ length: free.loadBalancedQueues }, () => domain.createLoadBalancedQueue())
    const balanced = Array.from({ length: free.loadBalancedPorts }, () => domain.createLoadBalancedPort({ cqDepth: 8 }))
    const directed = Array.from({ length: free.directedPorts }, () => domain.createDirectedPort({ cqDepth: 8 }))
    for (const [name, call] of Object.entries(configurationCalls(domain)))
      refused(t, 'ERR_DLB_NO_RESOURCES', call, name)
    t.equal(domain.stats().ports.length, free.loadBalancedPorts + free.directedPorts)
    domain.start()
    const ports = balanced.map((id) => domain.attachPort(id))
    ports.forEach((port, i) => {
      port.link(queues[i % queues.length])
    })
    const each = free.loadBalancedPorts / free.loadBalancedQueues
    const events = domain.createEvents(8)
    const sinks = directed.map((id) => domain.attachPort(id))
    for (const queue of queues) {
      for (let i = 0; i < each; i++) events.set(i, { queue })
      t.equal(sinks[0].send(events, each), each)
    }
    for (const port of ports) await until('each port gets one', () => port.receive(events, 8) === 1)
    for (const { id } of directed) {
      events.set(0, { queue: { kind: 'directed', id } })
      t.equal(ports[0].send(events, 1), 1)
    }
    for (const port of sinks) {
      await until('each sink gets its own', () => port.receive(events, 8) === 1)
      t.equal(events.queueId(0), port.id.id)
    }
  })
}

function usedUp(t: Test, open: Open): void {
  const config: DomainConfig = {
    loadBalancedQueues: 3,
    loadBalancedPorts: 3,
    directedPorts: 2,
    eventStateEntries: 100,
    sequenceNumberSlots: 1,
  }
  /** @returns the ids, after wrong calls in between or without them. */
  function build(t: Test, domain: SchedulingDomain, missteps: boolean): unknown[] {
    const ids: unknown[] = []
    const no = (what: string, call: () => unknown): void => {
      if (!missteps) return
      const before = domain.stats()
      refused(t, 'ERR_DLB_NO_RESOURCES', call, what)
      t.same(domain.stats(), before)
    }
    ids.push(domain.createLoadBalancedQueue({ sequenceNumbers: 64 }))
    no('a second ordered queue', () => domain.createLoadBalancedQueue({ sequenceNumbers: 64 }))
    ids.push(domain.createLoadBalancedQueue(), domain.createLoadBalancedQueue())
    no('a fourth queue', () => domain.createLoadBalancedQueue())
    ids.push(domain.createLoadBalancedPort({ cqDepth: 64 }))
    no('more entries than are left', () => domain.createLoadBalancedPort({ cqDepth: 8, eventStateEntries: 37 }))
    no('more entries by default', () => domain.createLoadBalancedPort({ cqDepth: 64 }))
    ids.push(domain.createLoadBalancedPort({ cqDepth: 64, eventStateEntries: 35 }))
    ids.push(domain.createLoadBalancedPort({ cqDepth: 8, eventStateEntries: 1 }))
    no('a fourth port', () => domain.createLoadBalancedPort({ cqDepth: 8, eventStateEntries: 1 }))
    const queue = domain.createDirectedQueue()
    ids.push(queue, domain.createDirectedPort({ cqDepth: 8 }))
    no('a third directed queue', () => domain.createDirectedQueue())
    no('a directed port with a queue of its own, all being made', () => domain.createDirectedPort({ cqDepth: 8 }))
    ids.push(domain.createDirectedPort({ cqDepth: 8, queue }))
    if (missteps) {
      const again = () => domain.createDirectedPort({ cqDepth: 8, queue })
      refused(t, 'ERR_DLB_IN_USE', again, 'a second port for a directed queue')
    }
    return ids
  }

  t.test('a domain has what it was created with, and a refused call takes none of it', async (t) => {
    const device = open()
    t.teardown(() => device.close())
    const [right, other] = [false, true].map((missteps) => {
      const domain = device.createDomain(config)
      try {
        const ids = build(t, domain, missteps)
        return { ids, stats: domain.stats() }
      } finally {
        domain.close()
      }
    })
    t.same(other, right)
  })

  t.test('a directed port takes a directed queue of its domain', async (t) => {
    const { device, domain } = setUp(t, open, config)
    const made = domain.createDirectedQueue()
    const balanced = domain.createLoadBalancedQueue()
    const before = visible(device, domain)
    for (const queue of [
      balanced,
      { ...made, id: 63 },
      { ...made, id: -1 },
      { ...made, id: 0.5 },
      { kind: 'directed' },
    ]) {
      const call = () => domain.createDirectedPort({ cqDepth: 8, queue: wrong(queue) })
      refused(t, 'ERR_DLB_UNKNOWN_QUEUE', call, `a port for ${JSON.stringify(queue)}`)
    }
    t.same(visible(device, domain), before)
    t.doesNotThrow(() => domain.createDirectedPort({ cqDepth: 8, queue: made }))
  })
}
