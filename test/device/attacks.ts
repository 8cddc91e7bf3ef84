import { types } from 'node:util'
import type { Test } from 'tap'
import {
  type Device,
  type EventBuffer,
  NodeDlbError,
  type Port,
  type PortId,
  type QueueId,
  type SchedulingDomain,
  setCommand,
} from '../../lib/device/index.ts'
import {
  allOptional,
  attack,
  attackAll,
  type Calls,
  detached,
  object,
  only,
  optional,
  type Param,
  whole,
} from './hostile.ts'

export const isCoded = (error: unknown): boolean => error instanceof NodeDlbError
const callbackOrNull = only(null, (value) => typeof value === 'function' || value === null)

/** All that a device has. Each object's methods are listed, and the list is held to be whole. */
export function attackDevice(t: Test, device: Device): void {
  const ofDlb = device.kind === 'dlb'
  const classes = [0, 1, 2, 3].map((i) => [i, whole(0, 0, 16)])
  const config = {
    loadBalancedQueues: whole(1, 0, 1),
    loadBalancedPorts: whole(1, 0, 1),
    directedPorts: whole(1, 0, 1),
    eventStateEntries: whole(64, 1, 64),
    credits: whole(64, 1, 64),
    sequenceNumberSlots: whole(0, 0, 1),
    sequenceNumbers: only([], (value) => !types.isProxy(value) && Array.isArray(value)),
    ...(ofDlb && { portsPerClass: object(Object.fromEntries(classes)) }),
  }
  const dlbCalls: Calls = {
    sequenceNumbers: [whole(0, 0, 1)],
    sequenceNumberGroups: [],
    setSequenceNumbers: [whole(0, 0, 1), only(64)],
  }
  const calls: Calls = { resources: [], createDomain: [allOptional(config)], close: [], ...(ofDlb && dlbCalls) }
  attackAll(t, device, calls, isCoded)
  const domain = device.createDomain({ loadBalancedQueues: 2, loadBalancedPorts: 2, directedPorts: 3 })
  t.teardown(() => {
    domain.close()
    device.close()
  })
  attackConfiguration(t, domain)
  const queue = domain.createLoadBalancedQueue()
  const id = domain.createLoadBalancedPort({ cqDepth: 8 })
  const port = domain.attachPort(id)
  domain.start()
  attackDomain(t, domain, queue, id)
  attackPort(t, port, queue, domain.createEvents(4), ofDlb)
  attackEvents(t, domain.createEvents(4), queue)
  afterTransfer(t, port, domain, queue)
}

function attackConfiguration(t: Test, domain: SchedulingDomain): void {
  const ofDlb = domain.kind === 'dlb'
  const boolean = optional(only(false, (value) => typeof value === 'boolean'))
  const calls = {
    createLoadBalancedQueue: allOptional({ sequenceNumbers: only(0), ...(ofDlb && { lockIdCompression: only(0) }) }),
    createLoadBalancedPort: object({
      cqDepth: only(8),
      eventStateEntries: optional(only(8)),
      ...(ofDlb && { classOfService: optional(whole(0, 0, 4)), weight: boolean }),
    }),
    createDirectedPort: object({
      cqDepth: only(8),
      queue: optional(named(domain.createDirectedQueue())),
      ...(ofDlb && { producer: boolean }),
    }),
  }
  for (const [name, options] of Object.entries(calls)) {
    const method = Reflect.get(domain, name) as () => unknown
    attack(t, name, (...values) => Reflect.apply(method, domain, values), [options], isCoded)
  }
}

function attackDomain(t: Test, domain: SchedulingDomain, queue: QueueId, id: PortId): void {
  const room = [named(id), only(domain.createEvents(4)), whole(0, 0, 4)]
  const wait = { wait: only('interrupt'), timeoutNs: whole(0, 0, 1e8), sleepNs: whole(1000, 1000, 1e8) }
  const dlbCalls: Calls = {
    attachPort: [named(id), allOptional(wait)],
    onAlert: [callbackOrNull],
    statistic: [named(queue), only('inFlight')],
    depthCounter: [named(queue), whole(0, 0, 3)],
    resetDepthCounter: [named(queue), whole(0, 0, 3)],
  }
  const calls: Calls = {
    // attackConfiguration() covers these.
    ...{ createLoadBalancedQueue: [], createDirectedQueue: [], createLoadBalancedPort: [], createDirectedPort: [] },
    start: [],
    attachPort: [named(id)],
    disablePort: [named(id)],
    enablePort: [named(id)],
    recover: room,
    peek: room,
    createEvents: [whole(1, 1, 65_536)],
    inFlightLimit: [named(queue)],
    share: [],
    stats: [],
    close: [],
    ...(domain.kind === 'dlb' && dlbCalls),
  }
  attackAll(t, domain, calls, isCoded)
}

function attackPort(t: Test, port: Port, queue: QueueId, events: EventBuffer, ofDlb: boolean): void {
  const sending = [only(events), whole(0, 0, 4), optional(whole(0, 0, 4))]
  const receiving = [only(events), whole(0, 0, 4)]
  const dlbCalls: Calls = {
    receiveWithoutPop: receiving,
    pop: [whole(0, 0, 1024)],
    advancedSend: receiving,
    sendBeyondCredits: receiving,
    ...{ waitProfile: [], stop: [], resume: [] },
  }
  const calls: Calls = {
    send: sending,
    forward: sending,
    receive: receiving,
    release: [whole(0, 0, 0x7fffffff)],
    onReadable: [callbackOrNull],
    link: [named(queue), optional(whole(0, 0, 7))],
    unlink: [named(queue)],
    ...{ ref: [], unref: [], enable: [], disable: [], detach: [] },
    ...(ofDlb && dlbCalls),
  }
  attackAll(t, port, calls, isCoded)
}

function attackEvents(t: Test, events: EventBuffer, queue: QueueId): void {
  const number = only(0, (value) => typeof value === 'number')
  const words = ['data64', 'data64Low', 'data64High', 'data16']
  const getters = [...words, 'queueId', 'schedulingType', 'priority', 'flowId', 'weight', 'hasError']
  const fields = {
    data64: optional(only(0n, (value) => value === 1n)),
    data16: optional(whole(0, 0, 65_535)),
    queue: named(queue),
    schedulingType: optional(only('unordered')),
    priority: optional(whole(0, 0, 7)),
    flowId: optional(whole(0, 0, 65_535)),
  }
  const calls: Calls = {
    ...Object.fromEntries(getters.map((name) => [name, [number]])),
    setData64: [number, number, number],
    setData16: [number, number],
    setTarget: [number, number, number, number],
    setFlowId: [number, number],
    setWeight: [number, number],
    set: [whole(0, 0, 3), object(fields)],
  }
  attackAll(t, events, calls, isCoded)
}

function named({ kind, id }: QueueId | PortId): Param {
  return object({ kind: only(kind), id: only(id) })
}

/** Nothing is sent of a buffer whose memory is elsewhere, and nothing is received into nowhere. */
function afterTransfer(t: Test, port: Port, domain: SchedulingDomain, queue: QueueId): void {
  const events = domain.createEvents(4)
  port.link(queue)
  events.set(0, { queue })
  t.equal(port.send(events, 1), 1)
  detached(events.buffer)
  const calls = {
    set: () => events.set(0, { queue }),
    send: () => port.send(events, 1),
    receive: () => port.receive(events, 1),
    peek: () => domain.peek(port.id, events, 1),
    recover: () => domain.recover(port.id, events, 1),
    setCommand: () => setCommand(events, 0, 'send'),
  }
  for (const [name, call] of Object.entries(calls)) {
    t.throws(call, { code: 'ERR_DLB_INVALID_ARGUMENT' }, `${name}, the memory being elsewhere`)
  }
}
