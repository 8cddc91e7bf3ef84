import type { Test } from 'tap'
import { attachDomain } from '../../lib/device/open.ts'
import { until } from '../deadline.ts'
import { configurationCalls, domainCalls } from './calls.ts'
import { refused, setUp, visible, wrong } from './refusals.ts'
import { Remote } from './remote.ts'
import { numbered, numbers, type Open, World } from './world.ts'

const shape = { queues: [{}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }], directed: [{ cqDepth: 8 }] }

export function tokens(t: Test, open: Open): void {
  t.test('a token is what share() returned, in whatever way it came', async (t) => {
    const { domain } = setUp(t, open, { directedPorts: 1 })
    const { kind } = domain
    const none = [undefined, null, 5, 'domain', {}, { nodeDlbDomain: 'other' }, { nodeDlbDomain: kind }]
    for (const token of [...none, JSON.parse(JSON.stringify(domain.share()))]) {
      const call = () => attachDomain(wrong(token))
      refused(t, 'ERR_DLB_INVALID_ARGUMENT', call, `token ${JSON.stringify(token)}`)
    }
    const id = domain.createDirectedPort({ cqDepth: 8 })
    const token = domain.share()
    const remotes = [new Remote(t, token), new Remote(t)]
    await remotes[1].call('open', await remotes[0].call('share'))
    for (const remote of remotes) {
      t.equal(await remote.call('attachPort', id), 0)
      await t.rejects(remote.call('send', id, id, [1]), { code: 'ERR_DLB_NOT_STARTED' })
      await remote.call('detach', id)
    }
    domain.start()
    await remotes[1].call('attachPort', id)
    t.equal(await remotes[1].call('send', id, id, [1, 2]), 2)
    await until('they have come', () => domain.stats().ports[0].queued === 2)
    t.same(await remotes[1].call('receive', id, 8), [1, 2])
  })

  t.test('only the thread that created a domain configures it', async (t) => {
    const { device, domain } = setUp(t, open, { loadBalancedQueues: 1, loadBalancedPorts: 1, directedPorts: 2 })
    const remote = new Remote(t, domain.share())
    const before = visible(device, domain)
    const calls: (() => Promise<unknown>)[] = [
      () => remote.call('configure', 'createLoadBalancedQueue'),
      () => remote.call('configure', 'createDirectedQueue'),
      () => remote.call('configurePort', 'createLoadBalancedPort'),
      () => remote.call('configurePort', 'createDirectedPort'),
      () => remote.call('start'),
    ]
    for (const call of calls) await t.rejects(call(), { code: 'ERR_DLB_IN_USE' })
    t.same(visible(device, domain), before)
    for (const call of Object.values(configurationCalls(domain)).slice(0, 3)) t.doesNotThrow(call)
  })

  t.test('the token of a closed domain is of no use', async (t) => {
    const { domain } = setUp(t, open, {})
    const token = domain.share()
    const remote = new Remote(t, token)
    const late = new Remote(t)
    await remote.call('share')
    domain.close()
    refused(t, 'ERR_DLB_CLOSED', () => attachDomain(token), 'attachDomain')
    await t.rejects(late.call('open', token), { code: 'ERR_DLB_CLOSED' })
    await t.rejects(remote.call('share'), { code: 'ERR_DLB_CLOSED' })
    await remote.call('close')
  })
}

export function views(t: Test, open: Open): void {
  t.test('a domain that is attached twice in one thread is one domain', async (t) => {
    const w = new World(t, open, shape)
    const [port] = w.ports
    const view = attachDomain(w.domain.share())
    t.equal(view.id, w.domain.id)
    t.same(view.stats(), w.domain.stats())
    refused(t, 'ERR_DLB_PORT_ATTACHED', () => view.attachPort(port.id), 'a port of the other view')
    port.detach()
    const moved = view.attachPort(port.id)
    refused(t, 'ERR_DLB_PORT_ATTACHED', () => w.domain.attachPort(port.id), 'and back')
    moved.link(w.queues[0])
    await w.send(numbered(3, { queue: w.queues[0] }))
    t.same(numbers(await w.take(moved, 2)), [0, 1])
    view.close()
    t.doesNotThrow(() => view.close(), 'a second close does nothing')
    refused(t, 'ERR_DLB_PORT_DETACHED', () => moved.release(1), 'a port of a closed view')
    for (const [name, call] of Object.entries(domainCalls(view, w))) refused(t, 'ERR_DLB_CLOSED', call, name)
    const again = w.domain.attachPort(port.id)
    t.equal(again.unreleased, 2)
    t.same(numbers(await w.take(again, 1)), [2], 'the domain goes on')
  })

  t.test('views that are closed leave nothing behind', async (t) => {
    const w = new World(t, open, shape)
    for (let i = 0; i < 300; i++) attachDomain(w.domain.share()).close()
    t.doesNotThrow(() => attachDomain(w.domain.share()).close())
  })
}
