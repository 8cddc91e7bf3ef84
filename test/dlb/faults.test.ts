import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { type DlbDevice, NodeDlbError } from '../../lib/device/index.ts'
import { spinUntil, until } from '../deadline.ts'
import { StandIn, supported } from './stand-in.ts'

/** All that a program calls, from a domain's creation to its end. */
function useAll(device: DlbDevice): void {
  const domain = device.createDomain({
    loadBalancedQueues: 2,
    loadBalancedPorts: 1,
    directedPorts: 2,
    sequenceNumbers: [128],
  })
  try {
    const queue = domain.createLoadBalancedQueue()
    domain.createLoadBalancedQueue({ sequenceNumbers: 128 })
    const own = domain.createDirectedQueue()
    const port = domain.attachPort(domain.createLoadBalancedPort({ cqDepth: 8 }))
    const directed = domain.attachPort(domain.createDirectedPort({ cqDepth: 8, queue: own }))
    domain.createDirectedPort({ cqDepth: 8 })
    port.link(queue)
    port.onReadable(() => undefined)
    port.onReadable(null)
    domain.start()
    const events = domain.createEvents(4)
    for (let i = 0; i < 4; i++) events.set(i, { queue })
    let [sent, came] = [0, 0]
    spinUntil('four events are sent', () => {
      sent += directed.send(events, 4 - sent)
      return sent === 4
    })
    spinUntil('they come', () => {
      came += port.receive(events, 4)
      return came === 4
    })
    events.set(0, { queue: own })
    spinUntil('one is forwarded', () => port.forward(events, 1) === 1)
    port.release(3)
    spinUntil('it comes', () => directed.receiveWithoutPop(events, 4) > 0)
    directed.pop(1)
    port.disable()
    port.enable()
    port.stop()
    port.resume()
    port.unlink(queue)
  } finally {
    domain.close()
  }
}

const functions = [
  'get_num_resources',
  'create_sched_domain',
  'attach_sched_domain',
  'create_credit_pool',
  'launch_domain_alert_thread',
  'get_ldb_sequence_number_allocation',
  'get_ldb_sequence_number_occupancy',
  'set_ldb_sequence_number_allocation',
  'create_ldb_queue',
  'create_dir_queue',
  'create_ldb_port',
  'create_dir_port',
  'attach_ldb_port',
  'attach_dir_port',
  'link_queue',
  'unlink_queue',
  'enable_cq_epoll',
  'start_sched_domain',
  'send',
  'forward',
  'recv',
  'recv_no_pop',
  'pop_cq',
  'release',
  'enable_port_sched',
  'disable_port_sched',
  'enable_port',
  'disable_port',
]

if (supported) testFaults(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function testFaults(standIn: StandIn): void {
  testPassingFailures(standIn)

  t.test('each call that fails is an error with its errno, and leaves nothing behind', async (t) => {
    const probe = standIn.open(t)
    const free = probe.resources()
    for (const name of functions) {
      const device = standIn.open(t)
      standIn.control(`fail dlb_${name} 1 ENOMEM`)
      try {
        useAll(device)
        // Their failure changes nothing: another group is taken; the port is gone anyway.
        if (!['set_ldb_sequence_number_allocation'].includes(name)) t.fail(`dlb_${name} failed and nobody noticed`)
      } catch (error) {
        t.ok(error instanceof NodeDlbError, `dlb_${name}: ${error}`)
        const { code, cause } = error as NodeDlbError
        t.ok(['ERR_DLB_DEVICE_FAILED', 'ERR_DLB_NO_RESOURCES'].includes(code), code)
        t.match(cause, { code: 'ENOMEM' })
      }
      standIn.control('clear-faults')
      // A domain that was half made when creating it failed is the process's until it ends.
      if (name === 'create_sched_domain') {
        t.throws(() => device.createDomain({}), { code: 'ERR_DLB_DEVICE_FAILED' }, 'that handle is of no use any more')
      } else useAll(device)
      device.close()
      t.same(probe.resources(), free, `dlb_${name} leaves nothing`)
    }
  })

  t.test('what libdlb refuses for want of resources says so', async (t) => {
    const device = standIn.open(t)
    standIn.control('fail dlb_create_sched_domain 1 EINVAL')
    t.throws(() => device.createDomain({}), { code: 'ERR_DLB_NO_RESOURCES', cause: { code: 'EINVAL' } })
    standIn.control('clear-faults')
    device.createDomain({}).close()
  })

  t.test('a handle that would crash libdlb is not closed', async (t) => {
    const device = standIn.open(t)
    standIn.control('fail dlb_create_sched_domain 1 -1')
    t.throws(() => device.createDomain({}), { code: 'ERR_DLB_DEVICE_FAILED' })
    standIn.control('clear-faults')
    device.close()
  })

  t.test('a port whose interrupts were refused gets them when they are asked for again', async (t) => {
    const domain = standIn.open(t).createDomain({ directedPorts: 1 })
    t.teardown(() => domain.close())
    const port = domain.attachPort(domain.createDirectedPort({ cqDepth: 8 }))
    domain.start()
    const events = domain.createEvents(1)
    let came = 0
    const take = (): void => {
      came += port.receive(events, 1)
    }
    standIn.control('fail dlb_enable_cq_epoll 1 ENOMEM')
    t.throws(() => port.onReadable(take), { code: 'ERR_DLB_DEVICE_FAILED', cause: { syscall: 'dlb_enable_cq_epoll' } })
    standIn.control('clear-faults')
    port.onReadable(take)
    // The callback's own first look is over.
    await sleep(50)
    events.set(0, { queue: { kind: 'directed', id: port.id.id } })
    t.equal(port.send(events, 1), 1)
    await until('it comes', () => came === 1)
  })

  t.test('sends that take a part, or nothing, lose nothing', async (t) => {
    for (const command of ['send-limit 3', 'send-zero 2', 'send-half 2']) {
      standIn.control(command)
      t.doesNotThrow(() => useAll(standIn.open(t)), command)
      standIn.control('clear-faults')
    }
  })

  t.test('a damaged event is marked, and counts as others do', async (t) => {
    standIn.control('error-flag')
    const domain = standIn.open(t).createDomain({ directedPorts: 1 })
    const port = domain.attachPort(domain.createDirectedPort({ cqDepth: 8 }))
    domain.start()
    const events = domain.createEvents(1)
    events.set(0, { queue: { kind: 'directed', id: port.id.id } })
    t.equal(port.send(events, 1), 1)
    t.equal(port.receive(events, 1), 1)
    t.ok(events.hasError(0))
    domain.close()
    standIn.control('clear-faults')
  })

  standIn.finish()
}

function testPassingFailures(standIn: StandIn): void {
  // The loop's own look takes one event; the receive asks the device for the rest.
  const failing: Record<string, { use: number; outcomes: (number | string)[] }> = {
    "the loop's look": { use: 1, outcomes: ['ERR_DLB_DEVICE_FAILED'] },
    'a receive, behind an event that was there': { use: 2, outcomes: [1, 'ERR_DLB_DEVICE_FAILED'] },
  }
  for (const [what, { use, outcomes: expected }] of Object.entries(failing)) {
    t.test(`a failure that does not last is told by the next receive: ${what}`, async (t) => {
      const domain = standIn.open(t).createDomain({ directedPorts: 1 })
      t.teardown(() => domain.close())
      t.teardown(() => standIn.control('clear-faults'))
      const queue = domain.createDirectedQueue()
      const port = domain.attachPort(domain.createDirectedPort({ cqDepth: 8, queue }))
      domain.start()
      const events = domain.createEvents(4)
      for (let i = 0; i < 4; i++) events.set(i, { queue })
      const outcomes: (number | string)[] = []
      const ended = new Promise<void>((resolve) => {
        port.onReadable(() => {
          try {
            outcomes.push(port.receive(events, 4))
            if (outcomes.length === 4) resolve()
          } catch (error) {
            outcomes.push((error as NodeDlbError).code)
            resolve()
          }
        })
      })
      standIn.control(`fail dlb_recv ${use} EIO`)
      t.equal(port.send(events, 4), 4)
      await ended
      t.strictSame(outcomes, expected)
    })
  }
}
