import { parseArgs } from 'node:util'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import {
  attachDomain,
  type DomainToken,
  type EventBuffer,
  type Port,
  type PortId,
  type QueueId,
  SchedulingType,
  type SchedulingTypeName,
} from '../../lib/device/index.ts'
import { finish, Gate } from './gate.ts'
import { openMeasured } from './open.ts'

/**
 * One producer thread sends as fast as the device takes, and consumer threads receive and release.
 * The device is saturated: events wait in the queue all the time, and the producer naps when it is
 * out of credits.
 */
interface Role {
  readonly token: DomainToken
  readonly port: PortId
  readonly queue: QueueId
  readonly type: SchedulingTypeName
  readonly batch: number
  readonly events: number
  readonly gate: Int32Array<SharedArrayBuffer>
  readonly threads: number
  /** The number of events that all consumers have received. */
  readonly received: Int32Array
  readonly produces: boolean
}

const credits = 4096
const flows = 1024

if (isMainThread) await runTrial()
else runRole(workerData as Role)

async function runTrial(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      depth: { type: 'string', default: '128' },
      batch: { type: 'string', default: '32' },
      consumers: { type: 'string', default: '1' },
      events: { type: 'string', default: '8000000' },
    },
    allowPositionals: true,
  })
  const type = positionals[0] as SchedulingTypeName
  const [depth, batch, consumers, events] = [values.depth, values.batch, values.consumers, values.events].map(Number)
  const device = openMeasured()
  const domain = device.createDomain({
    loadBalancedQueues: type === 'directed' ? 0 : 1,
    loadBalancedPorts: type === 'directed' ? 0 : consumers,
    directedPorts: type === 'directed' ? 1 + consumers : 1,
    eventStateEntries: type === 'directed' ? 0 : 2 * depth * consumers,
    ...(type === 'ordered' && { sequenceNumberSlots: 1, sequenceNumbers: 1024 }),
    credits,
  })
  const sequenceNumbers = type === 'ordered' ? 1024 : 0
  const balanced = type === 'directed' ? null : domain.createLoadBalancedQueue({ sequenceNumbers })
  const producer = domain.createDirectedPort({ cqDepth: 8 })
  const ports = Array.from({ length: consumers }, () =>
    type === 'directed'
      ? domain.createDirectedPort({ cqDepth: depth })
      : domain.createLoadBalancedPort({ cqDepth: depth, eventStateEntries: 2 * depth }),
  )
  domain.start()
  const gate = new Gate(consumers + 1)
  const queue: QueueId = balanced ?? ports[0]
  const received = new Int32Array(new SharedArrayBuffer(4))
  const common = {
    token: domain.share(),
    queue,
    type,
    batch,
    events,
    gate: gate.memory,
    threads: consumers + 1,
    received,
  }
  for (const port of [producer, ...ports]) {
    new Worker(new URL(import.meta.url), {
      workerData: { ...common, port, produces: port === producer } satisfies Role,
    })
  }
  await finish(gate, events, () => Atomics.load(received, 0))
  domain.close()
}

function runRole(role: Role): void {
  const domain = attachDomain(role.token)
  const port = domain.attachPort(role.port)
  const gate = new Gate(role.threads, role.gate)
  const buffer = domain.createEvents(role.batch)
  if (role.produces) {
    gate.arrive()
    produce(role, port, buffer, gate)
  } else {
    if (role.type !== 'directed') port.link(role.queue)
    gate.arrive()
    consume(role, port, buffer, gate)
  }
  gate.leave()
  domain.close()
}

function produce({ type, queue, batch, events }: Role, port: Port, buffer: EventBuffer, gate: Gate): void {
  for (let i = 0; i < batch; i++) buffer.setTarget(i, queue.id, SchedulingType[type], 0)
  for (let sent = 0; sent < events; ) {
    const wanted = Math.min(batch, events - sent)
    for (let i = 0; i < wanted; i++) {
      buffer.setData64(i, sent + i, 0)
      buffer.setFlowId(i, (sent + i) % flows)
    }
    for (let taken = 0; taken < wanted; ) {
      const n = port.send(buffer, wanted - taken, taken)
      taken += n
      if (n === 0) gate.nap()
    }
    sent += wanted
  }
}

function consume({ type, batch, events, received }: Role, port: Port, buffer: EventBuffer, gate: Gate): void {
  const releases = type !== 'directed'
  gate.until(() => {
    const n = port.receive(buffer, batch)
    if (n === 0) return Atomics.load(received, 0) >= events
    if (releases) port.release(n)
    if (Atomics.add(received, 0, n) >= events / 5) gate.warmedUp()
    return false
  })
}
