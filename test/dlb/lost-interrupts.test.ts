import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { DlbPort, QueueId } from '../../lib/device/index.ts'
import { get, many, portOf } from '../clients.ts'
import { within } from '../deadline.ts'
import { checkEnd, start } from './fallbacks.ts'
import { StandIn, supported } from './stand-in.ts'

/**
 * Interrupts that do not come, at devices of both kinds: each event is received all the same,
 * though nothing else happens.
 */

const rounds = 5
/** Milliseconds, after which nothing is left of what the last event has set going. */
const quiet = 60

if (supported) testLost(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function testLost(standIn: StandIn): void {
  const ways: Record<string, string> = {
    'one interrupt is lost': 'lose-interrupt 1',
    'every interrupt is lost': 'lost-interrupts',
    'there is no interrupt vector for the port': 'vectors 0',
  }
  for (const kind of ['arming', 'arrival']) {
    for (const [what, command] of Object.entries(ways)) {
      t.test(`${what}: each event is received (${kind})`, async (t) => {
        standIn.control(`interrupts ${kind}`)
        if (command !== 'lose-interrupt 1') standIn.control(command)
        const { send, port } = watched(t, standIn)
        for (let round = 0; round < rounds; round++) {
          await delay(quiet)
          if (command === 'lose-interrupt 1') standIn.control(command)
          await within(`event ${round} comes`, send(round))
          t.equal(port.unreleased, 1)
          port.release(1)
        }
        standIn.control('clear-faults')
      })
    }
  }

  t.test('a directed port is looked at as well', async (t) => {
    standIn.control('lost-interrupts')
    const domain = standIn.open(t).createDomain({ directedPorts: 1 })
    t.teardown(() => domain.close())
    const queue = domain.createDirectedQueue()
    const port = domain.attachPort(domain.createDirectedPort({ cqDepth: 8, queue }))
    domain.start()
    const events = domain.createEvents(8)
    const came = new Promise<number>((resolve) => port.onReadable(() => resolve(port.receive(events, 8))))
    events.set(0, { queue })
    port.send(events, 1)
    t.equal(await within('it comes', came), 1)
    port.onReadable(null)
    standIn.control('clear-faults')
  })

  t.test('nobody looks while nothing waits, and who sends is enough to begin again', async (t) => {
    const { send, port } = watched(t, standIn)
    for (let round = 0; round < 3; round++) {
      standIn.control('lose-interrupt 1')
      await within('the event comes', send(round))
      t.equal(port.unreleased, 1)
      port.release(1)
      await within('the lookout sleeps', untilAsleep())
    }
    standIn.control('clear-faults')
  })

  for (const policy of ['unordered', 'exact'] as const) {
    t.test(`a balancer whose workers get no interrupts serves all (${policy})`, async (t) => {
      standIn.control('interrupts arrival')
      standIn.control('vectors 2')
      const balancer = await start(t, { policy, workers: 4 })
      for (let i = 0; i < 8; i++) {
        await within(`request ${i} is answered`, get(portOf(balancer)))
        await delay(quiet)
      }
      await within(
        'the requests are answered',
        many(100, 10, () => get(portOf(balancer))),
      )
      t.equal(balancer.stats().device.kind, 'dlb')
      await checkEnd(t, balancer, 108)
      standIn.control('clear-faults')
    })

    t.test(`a lost interrupt strands no connection (${policy})`, async (t) => {
      const balancer = await start(t, { policy, workers: 2 })
      for (let i = 0; i < 6; i++) {
        await delay(quiet)
        standIn.control('lose-interrupt 1')
        await within(`request ${i} is answered`, get(portOf(balancer)))
      }
      await checkEnd(t, balancer, 6)
      standIn.control('clear-faults')
    })
  }

  standIn.finish()
}

interface Watched {
  readonly port: DlbPort
  /** Sends an event, and resolves when one that has the number is received. */
  send(number: number): Promise<void>
}

/** A port with a callback, and nobody else in the domain. */
function watched(t: Test, standIn: StandIn): Watched {
  const domain = standIn.open(t).createDomain({ loadBalancedQueues: 1, loadBalancedPorts: 1, directedPorts: 1 })
  t.teardown(() => domain.close())
  const queue: QueueId = domain.createLoadBalancedQueue()
  const port = domain.attachPort(domain.createLoadBalancedPort({ cqDepth: 8 }))
  const sender = domain.attachPort(domain.createDirectedPort({ cqDepth: 8 }))
  port.link(queue)
  domain.start()
  const sent = domain.createEvents(1)
  const received = domain.createEvents(8)
  const awaited: { number: number; resolve: () => void }[] = []
  port.onReadable(() => {
    const count = port.receive(received, 8)
    for (let i = 0; i < count; i++) {
      const at = awaited.findIndex(({ number }) => number === received.data64Low(i))
      awaited.splice(at, 1)[0].resolve()
    }
  })
  t.teardown(() => port.onReadable(null))
  const send = (number: number): Promise<void> =>
    new Promise((resolve) => {
      awaited.push({ number, resolve })
      sent.set(0, { queue, data64: BigInt(number) })
      sender.send(sent, 1)
    })
  return { port, send }
}

/** Returns how often the process's lookout threads have slept. */
function sleeps(): string {
  const threads = readdirSync('/proc/self/task').map((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/status`, 'utf8')
    } catch {
      // It has just ended.
      return ''
    }
  })
  return threads
    .filter((status) => /^Name:\s+dlb-lookout$/m.test(status))
    .map((status) => /^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1])
    .join()
}

async function untilAsleep(): Promise<void> {
  let before = ''
  for (let same = 0; same < 20; same++) {
    const now = sleeps()
    if (now === '') throw new Error('there is no lookout')
    if (now !== before) same = 0
    before = now
    await delay(10)
  }
}
