import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { attachDomain, type QueueId, setCommand, type WaitMode } from '../../lib/device/index.ts'
import { until } from '../deadline.ts'
import { StandIn, supported } from './stand-in.ts'

if (supported) testAdvanced(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function setUp(t: Test, standIn: StandIn) {
  const device = standIn.open(t)
  const domain = device.createDomain({ loadBalancedQueues: 1, loadBalancedPorts: 1, directedPorts: 1 })
  t.teardown(() => domain.close())
  const queue = domain.createLoadBalancedQueue({ lockIdCompression: 64 })
  const balanced = domain.createLoadBalancedPort({ cqDepth: 8, eventStateEntries: 32 })
  const directed = domain.createDirectedPort({ cqDepth: 8, producer: true })
  domain.start()
  return { device, domain, queue, balanced, directed, events: domain.createEvents(32) }
}

function testAdvanced(standIn: StandIn): void {
  commands(standIn)
  waiting(standIn)
  figures(standIn)
  standIn.finish()
}

function commands(standIn: StandIn): void {
  t.test('receive without pop leaves the tokens to be popped', async (t) => {
    const { domain, queue, balanced, directed, events } = setUp(t, standIn)
    const [port, sender] = [domain.attachPort(balanced), domain.attachPort(directed)]
    port.link(queue)
    for (let i = 0; i < 16; i++) events.set(i, { queue })
    t.equal(sender.send(events, 16), 16)
    t.equal(port.receiveWithoutPop(events, 16), 8)
    t.equal(port.receive(events, 16), 0, 'the CQ has no place before the tokens are back')
    t.throws(() => port.pop(9), { code: 'ERR_DLB_RELEASE_EXCEEDED' })
    t.equal(port.pop(3), 3)
    t.equal(port.receive(events, 16), 3)
    t.equal(port.unreleased, 11)
    t.equal(port.pop(5), 5)
    port.release(11)
  })

  t.test('tokens are owed for what came without pop, though a callback was called for it', async (t) => {
    const { domain, queue, balanced, directed, events } = setUp(t, standIn)
    const [port, sender] = [domain.attachPort(balanced), domain.attachPort(directed)]
    port.link(queue)
    const popped: number[] = []
    port.onReadable(() => {
      const n = port.receiveWithoutPop(events, 8)
      // One by pop, the others by commands.
      popped.push(port.pop(1))
      for (let i = 0; i < n - 1; i++) setCommand(events, i, 'releaseToken')
      if (n > 2) setCommand(events, 0, 'returnTokens', 2)
      const commands = n > 2 ? n - 2 : n - 1
      t.equal(port.advancedSend(events, commands), commands)
      port.release(port.unreleased)
      t.throws(() => port.pop(1), { code: 'ERR_DLB_RELEASE_EXCEEDED' })
    })
    for (let sent = 0; sent < 20; sent += 4) {
      for (let i = 0; i < 4; i++) events.set(i, { queue })
      t.equal(sender.send(events, 4), 4)
      await until('they come', () => domain.stats().creditsFree === 384 && port.unreleased === 0)
    }
    t.ok(popped.length >= 5)
    t.ok(popped.every((n) => n === 1))
  })

  t.test('advanced send has a command for each event', async (t) => {
    const { domain, queue, balanced, directed, events } = setUp(t, standIn)
    const [port, sender] = [domain.attachPort(balanced), domain.attachPort(directed)]
    port.link(queue)
    for (let i = 0; i < 4; i++) events.set(i, { queue, data64: BigInt(i) })
    t.equal(sender.send(events, 4), 4)
    t.equal(port.receiveWithoutPop(events, 4), 4)
    for (let i = 0; i < 4; i++) events.set(i, { queue, data64: BigInt(i + 10) })
    setCommand(events, 0, 'forwardToken')
    setCommand(events, 1, 'releaseToken')
    setCommand(events, 2, 'send')
    setCommand(events, 3, 'returnTokens', 2)
    t.equal(port.advancedSend(events, 4), 4)
    t.equal(port.unreleased, 2)
    t.equal(port.receive(events, 8), 2)
    t.same([events.data64(0), events.data64(1)].sort(), [10n, 12n])
    t.throws(() => port.pop(1), { code: 'ERR_DLB_RELEASE_EXCEEDED' })
    for (let i = 0; i < 5; i++) setCommand(events, i, 'release')
    t.throws(() => port.advancedSend(events, 5), { code: 'ERR_DLB_RELEASE_EXCEEDED' })
    t.equal(port.unreleased, 4)
    events.set(0, { queue: { kind: 'directed', id: directed.id } })
    setCommand(events, 0, 'send')
    t.throws(() => port.advancedSend(events, 1), { code: 'ERR_DLB_UNSUPPORTED' })
    t.equal(domain.stats().creditsFree, 384, 'none is queued, and none is gone')
    port.release(4)
  })
}

function waiting(standIn: StandIn): void {
  for (const wait of ['interrupt', 'poll', 'sleep-poll', 'low-power'] satisfies readonly WaitMode[]) {
    t.test(`a port can wait by ${wait}`, async (t) => {
      const { domain, queue, balanced, directed, events } = setUp(t, standIn)
      if (wait === 'low-power') {
        t.throws(() => domain.attachPort(balanced, { wait }), { code: 'ERR_DLB_UNSUPPORTED' })
        standIn.control('umwait 1')
      }
      const port = domain.attachPort(balanced, { wait, timeoutNs: 20_000 })
      const profile = port.waitProfile()
      t.equal(profile.mode, wait)
      if (wait !== 'interrupt') t.same(profile, { mode: wait, timeoutNs: 20_000, sleepNs: 10_000 })
      port.link(queue)
      const sender = domain.attachPort(directed)
      let came = 0
      port.onReadable(() => {
        const n = port.receive(events, 2)
        t.ok(n > 0)
        port.release(n)
        came += n
      })
      for (const size of [1, 5, 3]) {
        const before = came
        for (let i = 0; i < size; i++) events.set(i, { queue })
        t.equal(sender.send(events, size), size)
        await until('they come', () => came === before + size)
      }
      port.onReadable(null)
      events.set(0, { queue })
      t.equal(sender.send(events, 1), 1)
      for (let i = 0; i < 5; i++) await turn()
      t.equal(came, 9, 'nobody is called any more')
      domain.close()
      if (wait === 'low-power') standIn.control('umwait 0')
    })
  }

  t.test('options of waiting are checked, and leave the port free', async (t) => {
    const { domain, balanced } = setUp(t, standIn)
    const wrong: object[] = [{ wait: 'never' }, { timeoutNs: -1 }, { sleepNs: 1 }, { wait: 'poll', timeoutNs: 1e9 }]
    for (const options of wrong) {
      t.throws(() => domain.attachPort(balanced, options), { code: 'ERR_DLB_INVALID_ARGUMENT' })
    }
    domain.attachPort(balanced).detach()
  })

  t.test('a stopped port sends nothing, and says so', async (t) => {
    const { domain, queue, balanced, directed, events } = setUp(t, standIn)
    const [port, sender] = [domain.attachPort(balanced), domain.attachPort(directed)]
    port.link(queue)
    let called = 0
    port.onReadable(() => {
      called++
      port.release(port.receive(events, 4))
    })
    port.stop()
    events.set(0, { queue })
    t.throws(() => port.send(events, 1), { code: 'ERR_DLB_PORT_STOPPED', cause: { code: 'EACCES' } })
    t.equal(sender.send(events, 1), 1)
    for (let i = 0; i < 20; i++) await turn()
    t.equal(called, 0)
    port.resume()
    await until('the event comes, and the port sleeps no more', () => called === 1)
  })
}

function figures(standIn: StandIn): void {
  t.test('queue figures', async (t) => {
    const { domain, queue, balanced, directed, events } = setUp(t, standIn)
    const [port, sender] = [domain.attachPort(balanced), domain.attachPort(directed)]
    for (let i = 0; i < 5; i++) events.set(i, { queue })
    t.equal(sender.send(events, 5), 5)
    t.equal(domain.statistic(queue, 'enqueued'), 5)
    port.link(queue)
    t.equal(port.receive(events, 8), 5)
    t.equal(domain.statistic(queue, 'inFlight'), 5)
    const own: QueueId = { kind: 'directed', id: directed.id }
    t.equal(domain.statistic(own, 'enqueued'), 0)
    t.equal(domain.statistic(own, 'atomic'), undefined)
    t.type(domain.statistic(own, 'depthThreshold'), 'number')
    for (const id of [-1, 0.5, Number.NaN, 2 ** 32 + queue.id, queue.id ^ 1]) {
      t.throws(() => domain.statistic({ kind: 'load-balanced', id }, 'enqueued'), { code: 'ERR_DLB_UNKNOWN_QUEUE' })
    }
    t.throws(() => domain.statistic(queue, 'toString' as 'atomic'), { code: 'ERR_DLB_INVALID_ARGUMENT' })
    const levels = () =>
      ([0, 1, 2, 3] as const).map((level) => domain.depthCounter(queue, level)).reduce((a, b) => a + b)
    t.equal(levels(), 5)
    for (const level of [0, 1, 2, 3] as const) domain.resetDepthCounter(queue, level)
    t.equal(levels(), 0)
    t.throws(() => domain.depthCounter({ kind: 'load-balanced', id: 200 }, 0), { code: 'ERR_DLB_UNKNOWN_QUEUE' })
  })

  t.test('ports of a class of service, and weighted ones', async (t) => {
    const device = standIn.open(t)
    const domain = device.createDomain({ loadBalancedQueues: 1, loadBalancedPorts: 1, portsPerClass: [0, 0, 2, 0] })
    const inClass = () => domain.createLoadBalancedPort({ cqDepth: 8, classOfService: 2, weight: true })
    t.not(inClass().id, inClass().id)
    t.throws(inClass, { code: 'ERR_DLB_NO_RESOURCES' })
    domain.createLoadBalancedPort({ cqDepth: 8 })
    t.throws(() => domain.createLoadBalancedPort({ cqDepth: 8 }), { code: 'ERR_DLB_NO_RESOURCES' })
    domain.close()
  })

  t.test('sequence numbers are divided anew while no domain has any', async (t) => {
    const device = standIn.open(t)
    t.same(device.sequenceNumberGroups(), { groups: 2, least: 64 })
    t.same(device.sequenceNumbers(1), { perQueue: 64, occupied: 0 })
    device.setSequenceNumbers(1, 256)
    t.same(device.sequenceNumbers(1), { perQueue: 256, occupied: 0 })
    t.throws(() => device.setSequenceNumbers(1, 96), { code: 'ERR_DLB_INVALID_ARGUMENT' })
    const shape = { loadBalancedQueues: 3, loadBalancedPorts: 1 }
    const domain = device.createDomain({ ...shape, sequenceNumberSlots: 2 })
    t.throws(() => device.setSequenceNumbers(1, 64), { code: 'ERR_DLB_IN_USE' })
    t.same(device.sequenceNumbers(1), { perQueue: 256, occupied: 2 })
    for (const sequenceNumbers of [256, 64]) domain.createLoadBalancedQueue({ sequenceNumbers })
    t.throws(() => domain.createLoadBalancedQueue({ sequenceNumbers: 64 }), { code: 'ERR_DLB_NO_RESOURCES' })
    domain.close()
    const other = device.createDomain({ ...shape, sequenceNumbers: [1024, 256] })
    t.same(device.sequenceNumbers(0), { perQueue: 1024, occupied: 1 })
    t.throws(() => device.createDomain({ ...shape, sequenceNumbers: 128 }), { code: 'ERR_DLB_NO_RESOURCES' })
    device.createDomain({ ...shape, sequenceNumbers: [256, 256, 256] }).close()
    other.close()
    t.same(device.sequenceNumbers(0), { perQueue: 64, occupied: 0 }, 'what the domain changed is as it was')
    device.setSequenceNumbers(1, 64)
  })

  t.test('only the creator takes alerts', async (t) => {
    const { domain } = setUp(t, standIn)
    const view = attachDomain(domain.share())
    t.throws(() => (view as typeof domain).onAlert(() => undefined), { code: 'ERR_DLB_IN_USE' })
    view.close()
  })
}
