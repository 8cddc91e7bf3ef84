import t, { type Test } from 'tap'
import type { EventBuffer, Port, QueueId } from '../../lib/device/index.ts'
import { StandIn, supported } from './stand-in.ts'

/** ES2024's ArrayBuffer, which the types do not know yet. */
const ResizableBuffer = ArrayBuffer as unknown as new (
  length: number,
  options: { maxByteLength: number },
) => ArrayBuffer & { resize(length: number): void }

/**
 * A port keeps the address of the memory that it sends from, and of the one that it receives into.
 */
if (supported) testMemory(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function setUp(t: Test, standIn: StandIn) {
  const domain = standIn.open(t).createDomain({ loadBalancedQueues: 1, loadBalancedPorts: 1 })
  t.teardown(() => domain.close())
  const queue = domain.createLoadBalancedQueue()
  const port = domain.attachPort(domain.createLoadBalancedPort({ cqDepth: 32 }))
  domain.start()
  port.link(queue)
  return { domain, queue, port }
}

/** Sends one event from `from`, and receives it into `to`. */
function pass(port: Port, queue: QueueId, data64: bigint, from: EventBuffer, to: EventBuffer): bigint {
  from.set(0, { queue, data64 })
  port.send(from, 1)
  port.receive(to, 1)
  port.release(1)
  return to.data64(0)
}

function testMemory(standIn: StandIn): void {
  t.test('a port sends from the buffer that it is given, and receives into it, however they change', async (t) => {
    const { domain, queue, port } = setUp(t, standIn)
    const buffers = [1, 2, 3].map(() => domain.createEvents(2))
    let data = 0n
    for (const from of buffers) {
      for (const to of [...buffers, from, from]) {
        for (const buffer of buffers) buffer.setData64(0, 0, 0)
        t.equal(pass(port, queue, ++data, from, to), data)
        for (const other of buffers) if (other !== from && other !== to) t.equal(other.data64(0), 0n)
      }
    }
  })

  t.test('a buffer whose memory was transferred away is refused from then on', async (t) => {
    const { domain, queue, port } = setUp(t, standIn)
    const [gone, other] = [domain.createEvents(2), domain.createEvents(2)]
    t.equal(pass(port, queue, 1n, gone, gone), 1n)
    gone.set(0, { queue, data64: 2n })
    const memory = structuredClone(gone.buffer, { transfer: [gone.buffer] })
    const before = Buffer.from(memory.slice(0))
    for (const _ of [1, 2]) {
      t.throws(() => port.send(gone, 1), { code: 'ERR_DLB_INVALID_ARGUMENT' })
      t.throws(() => port.receive(gone, 1), { code: 'ERR_DLB_INVALID_ARGUMENT' })
      t.equal(port.send(gone, 0), 0, 'nothing needs no memory')
    }
    t.equal(pass(port, queue, 3n, other, other), 3n)
    t.throws(() => port.receive(gone, 1), { code: 'ERR_DLB_INVALID_ARGUMENT' })
    t.same(Buffer.from(memory), before)
  })

  t.test('objects that only look like buffers do no harm', async (t) => {
    const { domain, queue, port } = setUp(t, standIn)
    const real = domain.createEvents(2)
    t.equal(pass(port, queue, 1n, real, real), 1n)
    const like = (buffer: unknown) => ({ domainKey: real.domainKey, length: 2, buffer }) as unknown as EventBuffer
    for (const buffer of [undefined, 7, new SharedArrayBuffer(32), real.words, new ArrayBuffer(32)]) {
      t.throws(() => port.receive(like(buffer), 2), { code: 'ERR_DLB_INVALID_ARGUMENT' })
    }
    // A port asks a buffer for its memory when it is given another; what is left of one that shrank
    // is what it may use.
    const memory = new ResizableBuffer(32, { maxByteLength: 64 })
    const shrinking = Object.defineProperty(domain.createEvents(2), 'buffer', { value: memory })
    t.equal(port.receive(shrinking, 2), 0)
    memory.resize(16)
    t.throws(() => port.receive(shrinking, 2), { code: 'ERR_DLB_INVALID_ARGUMENT' })
  })

  standIn.finish()
}
