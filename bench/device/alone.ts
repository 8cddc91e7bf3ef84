import { SchedulingType, type SchedulingTypeName } from '../../lib/device/index.ts'
import type { Figures } from '../lib/rounds.ts'
import { openMeasured } from './open.ts'

/**
 * One thread sends a batch, receives and releases it. This shows what an event costs when no cache
 * line moves between cores.
 */
const type = process.argv[2] as SchedulingTypeName
const batch = 32
const events = 8_000_000
const warmUp = events / 5

const device = openMeasured()
const domain = device.createDomain({
  loadBalancedQueues: type === 'directed' ? 0 : 1,
  loadBalancedPorts: type === 'directed' ? 0 : 1,
  directedPorts: 1,
})
const balanced = type === 'directed' ? null : domain.createLoadBalancedQueue()
const port = domain.attachPort(
  balanced === null
    ? domain.createDirectedPort({ cqDepth: 128 })
    : domain.createLoadBalancedPort({ cqDepth: 128, eventStateEntries: 64 }),
)
domain.start()
if (balanced !== null) port.link(balanced)
const queue = balanced ?? port.id
const buffer = domain.createEvents(batch)
for (let i = 0; i < batch; i++) buffer.setTarget(i, queue.id, SchedulingType[type], 0)

pass(warmUp)
const start = performance.now()
const cpu = process.cpuUsage()
pass(events)
const { user, system } = process.cpuUsage(cpu)
const seconds = (performance.now() - start) / 1000
const figures: Figures = {
  'million/s': events / seconds / 1e6,
  'CPU ns/event': ((user + system) * 1000) / events,
}
console.log(JSON.stringify(figures))
domain.close()

function pass(total: number): void {
  for (let done = 0; done < total; ) {
    for (let i = 0; i < batch; i++) buffer.setData64(i, done + i, 0)
    port.send(buffer, batch)
    const n = port.receive(buffer, batch)
    if (n === 0) throw new Error('nothing came')
    if (type !== 'directed') port.release(n)
    done += n
  }
}
