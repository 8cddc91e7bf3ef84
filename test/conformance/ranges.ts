import type { Test } from 'tap'
import type { Device, SchedulingDomain } from '../../lib/device/device.ts'
import { noNumbers, refused, setUp, visible, wrong } from './refusals.ts'
import type { Open } from './world.ts'

export function outOfRange(t: Test, open: Open): void {
  const depths = [undefined, 0, 1, 4, 7, 9, 24, 1000, 1025, 2048, -8, 8.5, ...noNumbers]
  // All but what another domain has.
  const config = { loadBalancedQueues: 6, loadBalancedPorts: 9, directedPorts: 8, eventStateEntries: 2040 }

  t.test('options out of range make no queue and no port', async (t) => {
    const { device, domain } = setUp(t, open, { ...config, sequenceNumberSlots: 5 })
    const before = visible(device, domain)
    const invalid = (what: string, call: () => unknown) => refused(t, 'ERR_DLB_INVALID_ARGUMENT', call, what)
    for (const cqDepth of depths.map((depth) => wrong<number>(depth))) {
      invalid(`depth ${String(cqDepth)}`, () => domain.createLoadBalancedPort({ cqDepth }))
      invalid(`directed depth ${String(cqDepth)}`, () => domain.createDirectedPort({ cqDepth }))
    }
    for (const eventStateEntries of [0, -1, ...noNumbers].map((entries) => wrong<number>(entries))) {
      const call = () => domain.createLoadBalancedPort({ cqDepth: 8, eventStateEntries })
      invalid(`${String(eventStateEntries)} entries`, call)
    }
    for (const sequenceNumbers of [1, 32, 65, 2048, -64, ...noNumbers].map((count) => wrong<number>(count))) {
      const call = () => domain.createLoadBalancedQueue({ sequenceNumbers })
      invalid(`${String(sequenceNumbers)} sequence numbers`, call)
    }
    for (const options of [null, 8, 'deep'].map((value) => wrong<{ cqDepth: number }>(value))) {
      invalid(`queue options ${options}`, () => domain.createLoadBalancedQueue(wrong(options)))
      invalid(`port options ${options}`, () => domain.createLoadBalancedPort(options))
      invalid(`directed port options ${options}`, () => domain.createDirectedPort(options))
    }
    invalid('no port options', () => domain.createLoadBalancedPort(wrong(undefined)))
    invalid('no directed queue', () => domain.createDirectedPort({ cqDepth: 8, queue: wrong(null) }))
    t.same(visible(device, domain), before)
    everyValue(t, domain)
    everySize(t, device)
  })
}

/** All of the domain is still there. */
function everyValue(t: Test, domain: SchedulingDomain): void {
  for (const cqDepth of [8, 16, 32, 64, 128, 256, 512, 1024]) {
    t.doesNotThrow(() => domain.createLoadBalancedPort({ cqDepth }), `depth ${cqDepth}`)
    t.doesNotThrow(() => domain.createDirectedPort({ cqDepth }), `directed depth ${cqDepth}`)
  }
}

/** One after the other: a device need not have queues of all sizes at the same time. */
function everySize(t: Test, device: Device): void {
  for (const sequenceNumbers of [0, 64, 128, 256, 512, 1024]) {
    const sizes = sequenceNumbers === 0 ? {} : { sequenceNumbers }
    const domain = device.createDomain({ loadBalancedQueues: 1, loadBalancedPorts: 1, ...sizes })
    t.doesNotThrow(() => domain.createLoadBalancedQueue({ sequenceNumbers }), `${sequenceNumbers} sequence numbers`)
    domain.close()
  }
}
