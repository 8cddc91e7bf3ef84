import t from 'tap'
import { get, many, portOf } from '../clients.ts'
import { checkEnd, fallbackPolicies, start, successors } from './fallbacks.ts'
import { StandIn, supported } from './stand-in.ts'

if (supported) testSetUp(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function testSetUp(standIn: StandIn): void {
  /** In the order in which a balancer uses them; the last two in a worker. */
  const setUp = [
    'open',
    'get_num_resources',
    'create_sched_domain',
    'attach_sched_domain',
    'create_credit_pool',
    'launch_domain_alert_thread',
    'create_ldb_queue',
    'create_ldb_port',
    'attach_ldb_port',
    'start_sched_domain',
    'enable_cq_epoll',
    'link_queue',
  ]

  for (const fallbackPolicy of fallbackPolicies) {
    const { device: kind, policy } = successors[fallbackPolicy]
    t.test(`a set-up that fails at any call falls back to ${fallbackPolicy}`, async (t) => {
      // Once all of it; what comes then is the same for each.
      for (const name of fallbackPolicy === 'software' ? setUp : setUp.slice(-4)) {
        // In every worker, too.
        standIn.control(`fail dlb_${name} 1+ ENOMEM`)
        const balancer = await start(t, { fallbackPolicy })
        const { device, policy: used } = balancer.stats()
        t.match(device, { kind, fallback: true, reason: new RegExp(`^instead of DLB: .*dlb_${name} ENOMEM`) }, name)
        t.equal(used, policy ?? 'unordered')
        await many(12, 4, () => get(portOf(balancer)))
        standIn.control('clear-faults')
        await checkEnd(t, balancer, 12)
      }
    })
  }

  t.test('the k-th port, queue or domain that cannot be had undoes the others', async (t) => {
    for (const limit of ['ldb-ports 3', 'ldb-queues 7', 'domains 0', 'entries 87', 'pools 0', 'credits 0']) {
      standIn.control(limit)
      const balancer = await start(t)
      t.match(balancer.stats().device, { kind: 'software', reason: /^instead of DLB: / }, limit)
      await checkEnd(t, balancer, 0)
      standIn.control('clear-faults')
      // The stand-in offers this resource without a limit again.
      standIn.control(limit.replace(/\d+/, '65536'))
    }
    const balancer = await start(t)
    t.equal(balancer.stats().device.kind, 'dlb', 'with all of it, it does')
    await checkEnd(t, balancer, 0)
  })

  t.test('without a fallback, the start fails and says why', async (t) => {
    for (const name of setUp.slice(0, -2)) {
      standIn.control(`fail dlb_${name} 1+ ENOMEM`)
      await t.rejects(start(t, { fallbackPolicy: 'none' }), {
        code: /^ERR_DLB_DEVICE_/,
        cause: { syscall: `dlb_${name}` },
      })
      standIn.control('clear-faults')
    }
    for (const name of setUp.slice(-2)) {
      standIn.control(`fail dlb_${name} 1+ ENOMEM`)
      await t.rejects(start(t, { fallbackPolicy: 'none' }), {
        code: 'ERR_DLB_DEVICE_FAILED',
        message: new RegExp(name),
      })
      standIn.control('clear-faults')
    }
  })

  t.test('auto takes DLB, and falls back if it cannot be set up', async (t) => {
    const balancer = await start(t, { device: 'auto' })
    t.match(balancer.stats().device, { kind: 'dlb', reason: 'auto found it', fallback: false })
    await checkEnd(t, balancer, 0)
    standIn.control('fail dlb_create_ldb_queue 1 ENOMEM')
    const other = await start(t, { device: 'auto', fallbackPolicy: 'exact' })
    t.match(other.stats(), { device: { kind: 'software', fallback: true }, policy: 'exact' })
    standIn.control('clear-faults')
    await checkEnd(t, other, 0)
  })

  standIn.finish()
}
