import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { attachDomain, type DomainToken, type PortId, type QueueId } from '../../lib/device/index.ts'
import { quantile } from '../lib/stats.ts'
import { buildEventfd, loadEventfd } from './eventfd.ts'
import { openMeasured } from './open.ts'

/**
 * Measures one way to an idle thread: from the send (or notify, or write) in one thread to the
 * callback in another, whose loop sleeps. The threads share the clock.
 */
type Way = 'waitAsync' | 'eventfd' | 'device'

interface Sleeper {
  readonly way: Way
  /** [0] the sleep word; [1] samples taken; [2] 1: the sleeper is ready. */
  readonly control: Int32Array
  /** [0] when the wake was sent; [1…] the samples, in µs. */
  readonly times: Float64Array
  readonly fd: number
  readonly domain?: { readonly token: DomainToken; readonly port: PortId }
}

const samples = 400
/**
 * Milliseconds between two wakes. 2 ms are long enough for both threads to be asleep again; the
 * longer the pause, the less of their code and data is in the caches.
 */
const pauseMilliseconds = Number(process.argv[3])
/** The first wakes come in quick succession, so that compiled code is measured. */
const warmUp = 5000

if (isMainThread) await measure(process.argv[2] as Way)
else sleep(workerData as Sleeper)

async function measure(way: Way): Promise<void> {
  if (way === 'eventfd') await buildEventfd()
  const { wake, ...means } = makeMeans(way)
  const sleeper: Sleeper = {
    way,
    control: new Int32Array(new SharedArrayBuffer(12)),
    times: new Float64Array(new SharedArrayBuffer((samples + 1) * 8)),
    ...means,
  }
  const { control, times } = sleeper
  new Worker(new URL(import.meta.url), { workerData: sleeper })
  while (Atomics.load(control, 2) === 0) await pause()
  for (let n = 0; n < warmUp; n++) {
    wake(control)
    while (Atomics.load(control, 1) === n) await new Promise(setImmediate)
  }
  Atomics.store(control, 1, 0)
  const cpu = process.cpuUsage()
  for (let n = 0; n < samples; n++) {
    await pause()
    times[0] = now()
    wake(control)
    while (Atomics.load(control, 1) === n) await pause()
  }
  const { user, system } = process.cpuUsage(cpu)
  const sorted = times.slice(1).sort()
  const figures = {
    'p50 µs': quantile(sorted, 0.5),
    'p99 µs': quantile(sorted, 0.99),
    'CPU µs/wake, both threads and timers': (user + system) / samples,
  }
  console.log(JSON.stringify(figures))
  process.exit()
}

function makeMeans(way: Way): Pick<Sleeper, 'fd' | 'domain'> & { wake(control: Int32Array): void } {
  if (way === 'eventfd') {
    const eventfd = loadEventfd()
    const fd = eventfd.open()
    return { fd, wake: () => eventfd.signal(fd) }
  }
  if (way === 'waitAsync') {
    return {
      fd: -1,
      wake: (control) => {
        Atomics.store(control, 0, 0)
        Atomics.notify(control, 0)
      },
    }
  }
  const domain = openMeasured().createDomain({ directedPorts: 2 })
  const port = domain.createDirectedPort({ cqDepth: 8 })
  const producer = domain.attachPort(domain.createDirectedPort({ cqDepth: 8 }))
  domain.start()
  const events = domain.createEvents(1)
  events.set(0, { queue: { kind: 'directed', id: port.id } satisfies QueueId })
  return { fd: -1, domain: { token: domain.share(), port }, wake: () => producer.send(events, 1) }
}

function sleep({ way, control, times, fd, domain }: Sleeper): void {
  const woken = (): void => {
    const n = Atomics.load(control, 1) + 1
    if (n <= samples) times[n] = now() - times[0]
    Atomics.store(control, 1, n)
  }
  if (way === 'eventfd') loadEventfd().listen(fd, woken)
  else if (way === 'waitAsync') waitAsync(control, woken)
  else if (domain) {
    const attached = attachDomain(domain.token)
    const port = attached.attachPort(domain.port)
    const events = attached.createEvents(1)
    port.onReadable(() => {
      woken()
      port.receive(events, 1)
    })
  }
  Atomics.store(control, 2, 1)
}

function waitAsync(control: Int32Array, woken: () => void): void {
  // The timer holds the loop open, which the wait alone does not.
  setInterval(() => undefined, 2 ** 31 - 1)
  const wait = (): void => {
    Atomics.store(control, 0, 1)
    void Promise.resolve(Atomics.waitAsync(control, 0, 1).value).then(() => {
      // The thread waits again before the sender hears of it, because its next wake may follow at
      // once.
      wait()
      woken()
    })
  }
  wait()
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pauseMilliseconds))
}

/** Returns microseconds of the clock that all threads share. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1000
}
