import type { Test } from 'tap'
import { attachDomain } from '../../lib/device/open.ts'
import { until } from '../deadline.ts'
import { domainCalls, portCalls } from './calls.ts'
import { refused, setUp, visible } from './refusals.ts'
import { Remote } from './remote.ts'
import { tokens, views } from './tokens.ts'
import { numbered, numbers, type Open, portStats, range, World } from './world.ts'

const shape = { queues: [{}], ports: [{ cqDepth: 8 }, { cqDepth: 8 }], directed: [{ cqDepth: 8 }] }

/**
 * Domains and ports from share() and attach to detach and close, in every order, in one thread and
 * in several.
 */
export function lifecycle(t: Test, open: Open): void {
  tokens(t, open)
  views(t, open)
  attaching(t, open)
  detaching(t, open)
  closing(t, open)
}

function attaching(t: Test, open: Open): void {
  t.test('a port is one thread’s at a time', async (t) => {
    const w = new World(t, open, shape)
    const [port] = w.ports
    port.link(w.queues[0])
    await w.send(numbered(5, { queue: w.queues[0] }))
    await w.take(port, 2)
    const remote = new Remote(t, w.domain.share())
    await remote.call('share')
    const before = visible(w.device, w.domain)
    const events = w.domain.createEvents(8)
    refused(t, 'ERR_DLB_PORT_ATTACHED', () => w.domain.attachPort(port.id), 'attachPort here')
    refused(t, 'ERR_DLB_PORT_ATTACHED', () => w.domain.recover(port.id, events, 8), 'recover here')
    await t.rejects(remote.call('attachPort', port.id), { code: 'ERR_DLB_PORT_ATTACHED' })
    await t.rejects(remote.call('recover', port.id, 8), { code: 'ERR_DLB_PORT_ATTACHED' })
    t.same(visible(w.device, w.domain), before)
    port.detach()
    t.equal(await remote.call('attachPort', port.id), 2)
    await t.rejects(remote.call('attachPort', port.id), { code: 'ERR_DLB_PORT_ATTACHED' }, 'attached twice there')
    refused(t, 'ERR_DLB_PORT_ATTACHED', () => w.domain.attachPort(port.id), 'attachPort here')
    refused(t, 'ERR_DLB_PORT_ATTACHED', () => w.domain.recover(port.id, events, 8), 'recover here')
    refused(t, 'ERR_DLB_PORT_DETACHED', () => port.release(1), 'release here')
    t.same(await remote.call('receive', port.id, 8), [2, 3, 4])
    await remote.call('release', port.id, 4)
    await remote.call('detach', port.id)
    t.equal(w.domain.attachPort(port.id).unreleased, 1)
  })

  t.test('of threads that attach a port at the same time, one gets it', async (t) => {
    const w = new World(t, open, shape)
    const { id } = w.ports[0]
    w.ports[0].detach()
    const remotes = range(0, 3).map(() => new Remote(t, w.domain.share()))
    for (let round = 0; round < 30; round++) {
      const results = await Promise.allSettled(remotes.map((remote) => remote.call('attachPort', id)))
      const codes = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))
      t.same(codes, ['ERR_DLB_PORT_ATTACHED', 'ERR_DLB_PORT_ATTACHED'])
      await remotes[results.findIndex((result) => result.status === 'fulfilled')].call('detach', id)
    }
  })

  t.test('the port of a thread that has ended can be attached, once what it owed is recovered', async (t) => {
    const w = new World(t, open, shape)
    const [one, other] = w.ports
    const sink = w.directed[0]
    for (const port of [one, other, sink]) port.detach()
    const remote = new Remote(t, w.domain.share())
    for (const { id } of [one, other, sink]) await remote.call('attachPort', id)
    await remote.call('link', one.id, w.queues[0])
    await w.send(numbered(4, { queue: w.queues[0] }))
    await w.send(numbered(4, { queue: w.directedQueues[0] }, 10))
    await w.loaded(8)
    t.same(await remote.call('receive', one.id, 3), [0, 1, 2])
    t.same(await remote.call('receive', sink.id, 1), [10])
    await remote.end()
    t.doesNotThrow(() => w.domain.attachPort(other.id), 'it owed nothing')
    t.same(numbers(await w.take(w.domain.attachPort(sink.id), 3)), [11, 12, 13], 'a directed port owes nothing')
    refused(t, 'ERR_DLB_IN_USE', () => w.domain.attachPort(one.id), 'the port that owes')
    t.equal(w.domain.recover(one.id, w.events, 8), 4)
    const again = w.domain.attachPort(one.id)
    t.equal(again.unreleased, 0)
    again.link(w.queues[0])
    await w.send(numbered(1, { queue: w.queues[0] }, 4))
    t.same(numbers(await w.take(again, 1)), [4])
  })
}

function detaching(t: Test, open: Open): void {
  t.test('a detached Port object is of no use, also when the thread has attached the port again', async (t) => {
    const w = new World(t, open, shape)
    const [old] = w.ports
    old.link(w.queues[0])
    await w.send(numbered(4, { queue: w.queues[0] }))
    await w.take(old, 2)
    old.detach()
    const useless = (t: Test) => {
      for (const [name, call] of Object.entries(portCalls(old, w))) refused(t, 'ERR_DLB_PORT_DETACHED', call, name)
      t.doesNotThrow(() => [old.ref(), old.unref()])
    }
    useless(t)
    const now = w.domain.attachPort(old.id)
    useless(t)
    t.doesNotThrow(() => old.detach(), 'a second detach does nothing')
    t.equal(now.unreleased, 2)
    t.same(numbers(await w.take(now, 2)), [2, 3])
    now.release(4)
    await until('all are complete', () => w.load(now) === 0)
  })

  t.test('what a detached port holds stays for the next, and its links and state too', async (t) => {
    const w = new World(t, open, shape)
    const [old] = w.ports
    old.link(w.queues[0])
    await w.send(numbered(3, { queue: w.queues[0] }))
    await w.take(old, 2)
    old.detach()
    t.equal(portStats(w.domain, old).thread, null)
    await w.send(numbered(9, { queue: w.queues[0] }, 3))
    await w.loaded(8)
    t.equal(w.depth(w.queues[0]), 4, 'the others wait')
    const now = w.domain.attachPort(old.id)
    t.equal(now.unreleased, 2)
    t.same(numbers(await w.take(now, 6)), range(2, 8))
    refused(t, 'ERR_DLB_RELEASE_EXCEEDED', () => now.release(9), 'more than both have received')
    now.release(8)
    t.same(numbers(await w.take(now, 4)), range(8, 12))
    now.release(4)
    now.disable()
    now.detach()
    t.equal(portStats(w.domain, old).enabled, false)
  })

  t.test('detach before start, and in the middle of what the port is called back for', async (t) => {
    const { domain } = setUp(t, open, { loadBalancedQueues: 1, loadBalancedPorts: 1, directedPorts: 1 })
    const queue = domain.createLoadBalancedQueue()
    const id = domain.createLoadBalancedPort({ cqDepth: 8 })
    const sender = domain.createDirectedPort({ cqDepth: 8 })
    const early = domain.attachPort(id)
    early.link(queue)
    early.onReadable(() => t.fail('a detached port calls nobody'))
    early.detach()
    domain.start()
    const producer = domain.attachPort(sender)
    const events = domain.createEvents(8)
    for (let i = 0; i < 3; i++) events.set(i, { queue, data64: BigInt(i) })
    t.equal(producer.send(events, 3), 3)
    const port = domain.attachPort(id)
    const seen: number[] = []
    await new Promise<void>((resolve) => {
      port.onReadable(() => {
        seen.push(port.receive(events, 1))
        port.detach()
        resolve()
      })
    })
    t.same(seen, [1])
    t.equal(domain.attachPort(id).unreleased, 1)
  })
}

function closing(t: Test, open: Open): void {
  t.test('a domain closes with events in every place, and gives back what it had', async (t) => {
    const device = open()
    const free = device.resources()
    device.close()
    const w = new World(t, open, shape)
    const remote = new Remote(t, w.domain.share())
    const [one, other] = w.ports
    const idle = w.directed[0].id
    w.directed[0].detach()
    other.detach()
    one.link(w.queues[0])
    await remote.call('attachPort', other.id)
    await remote.call('link', other.id, w.queues[0])
    await remote.call('attachPort', idle)
    await remote.call('listen', idle)
    await w.send(numbered(30, { queue: w.queues[0] }))
    await w.take(one, 3)
    await remote.call('receive', other.id, 2)
    const token = w.domain.share()
    w.domain.close()
    t.doesNotThrow(() => w.domain.close(), 'a second close does nothing')
    t.same(w.device.resources(), free)
    for (const [name, call] of Object.entries(domainCalls(w.domain, w))) refused(t, 'ERR_DLB_CLOSED', call, name)
    for (const [name, call] of Object.entries(portCalls(one, w))) refused(t, 'ERR_DLB_CLOSED', call, name)
    t.doesNotThrow(() => one.detach())
    refused(t, 'ERR_DLB_CLOSED', () => attachDomain(token), 'attachDomain')
    await t.rejects(remote.call('receive', other.id, 1), { code: 'ERR_DLB_CLOSED' })
    await t.rejects(remote.call('release', other.id, 1), { code: 'ERR_DLB_CLOSED' })
    await t.rejects(remote.call('attachPort', one.id), { code: 'ERR_DLB_CLOSED' })
    await t.rejects(remote.call('recover', one.id, 1), { code: 'ERR_DLB_CLOSED' })
    await remote.call('detach', other.id)
    await remote.call('close')
  })

  t.test('a thread that closes a domain it has attached lets go of its own ports only', async (t) => {
    const w = new World(t, open, shape)
    const [mine, theirs] = w.ports
    theirs.detach()
    const remote = new Remote(t, w.domain.share())
    await remote.call('attachPort', theirs.id)
    await remote.call('link', theirs.id, w.queues[0])
    await w.send(numbered(3, { queue: w.queues[0] }))
    await until('they have come', () => w.queued(theirs) === 3)
    t.same(await remote.call('receive', theirs.id, 2), [0, 1])
    await remote.call('close')
    await remote.call('close')
    await t.rejects(remote.call('share'), { code: 'ERR_DLB_CLOSED' })
    await t.rejects(remote.call('release', theirs.id, 1), { code: 'ERR_DLB_PORT_DETACHED' })
    t.equal(mine.unreleased, 0)
    const port = w.domain.attachPort(theirs.id)
    t.equal(port.unreleased, 2)
    t.same(numbers(await w.take(port, 1)), [2])
    await remote.call('open', w.domain.share())
    await t.rejects(remote.call('attachPort', theirs.id), { code: 'ERR_DLB_PORT_ATTACHED' })
  })
}
