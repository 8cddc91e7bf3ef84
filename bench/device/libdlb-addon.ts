import { openDlbDevice, SchedulingType } from '../../lib/device/index.ts'
import type { Figures } from '../lib/rounds.ts'
import { quantile } from '../lib/stats.ts'

/**
 * One thread sends a batch to itself, receives and releases it, through TypeScript and the addon.
 * bench/native/libdlb_loop.c makes the same calls of libdlb with the same settings, for comparison.
 * No callback is set, so no eventfd is in use in either.
 */
const [library, expected, type] = process.argv.slice(2) as [string, string, 'unordered' | 'directed']
const [batch, events] = process.argv.slice(5).map(Number)
/**
 * The figure is the slice that a tenth of them are not slower than, because other work on the
 * machine only ever adds, in bursts.
 */
const slices = 200
const isDirected = type === 'directed'

const device = openDlbDevice({ library })
// A figure of one library must not pass for the other's.
if (device.standIn !== (expected === 'stand-in')) throw new Error(`${device.library} is not a ${expected}'s`)
const domain = device.createDomain({
  loadBalancedQueues: isDirected ? 0 : 1,
  loadBalancedPorts: isDirected ? 0 : 1,
  directedPorts: isDirected ? 1 : 0,
  eventStateEntries: isDirected ? 0 : 64,
  credits: 512,
})
const queue = isDirected ? undefined : domain.createLoadBalancedQueue()
const id = isDirected
  ? domain.createDirectedPort({ cqDepth: 128 })
  : domain.createLoadBalancedPort({ cqDepth: 128, eventStateEntries: 64 })
const port = domain.attachPort(id)
domain.start()
if (queue !== undefined) port.link(queue)
const target = (queue ?? id).id
const schedulingType = SchedulingType[type]
const buffer = domain.createEvents(batch)

const cpu: number[] = []
const wall: number[] = []
// The same number of slices runs first, as a warm-up, so that everything is compiled.
for (let i = 0; i < slices; i++) run(events / slices)
for (let i = 0; i < slices; i++) {
  const cpuBefore = process.cpuUsage()
  const wallBefore = performance.now()
  run(events / slices)
  const { user, system } = process.cpuUsage(cpuBefore)
  cpu.push(((user + system) * 1000 * slices) / events)
  wall.push(((performance.now() - wallBefore) * 1e6 * slices) / events)
}
domain.close()
device.close()
const figures: Figures = { 'CPU ns/event': tenth(cpu), 'wall ns/event': tenth(wall) }
console.log(JSON.stringify(figures))

function tenth(values: number[]): number {
  return quantile(
    values.sort((a, b) => a - b),
    0.1,
  )
}

/**
 * The sum has 32 bits here and in C: a greater one would be a double in JS, and adding those takes
 * longer than the rest.
 */
function run(total: number): void {
  let sum = 0
  for (let done = 0; done < total; done += batch) {
    sendBatch(done)
    sum = (sum + receiveBatch()) | 0
  }
  if (sum !== Number(BigInt.asIntN(32, (BigInt(total) * BigInt(total - 1)) / 2n)))
    throw new Error('what was received is not what was sent')
}

function sendBatch(first: number): void {
  for (let i = 0; i < batch; i++) {
    buffer.setTarget(i, target, schedulingType, 0)
    buffer.setData64(i, first + i, 0)
  }
  for (let sent = 0; sent < batch; ) sent += port.send(buffer, batch - sent, sent)
}

function receiveBatch(): number {
  let sum = 0
  for (let received = 0; received < batch; ) {
    const count = port.receive(buffer, batch - received)
    for (let i = 0; i < count; i++) sum = (sum + buffer.data64Low(i)) | 0
    if (!isDirected && count > 0) port.release(count)
    received += count
  }
  return sum
}
