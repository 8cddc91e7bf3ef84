import { fileURLToPath } from 'node:url'
import t from 'tap'
import { openDescriptors } from '../native/descriptors.ts'
import { runNode } from '../programs.ts'
import { StandIn, supported } from './stand-in.ts'

const program = fileURLToPath(new URL('./fixtures/ending.js', import.meta.url))

/** Scenario of fixtures/ending.ts → exit code, and lines. */
const endings: Record<string, readonly [number, string]> = {
  exit: [0, ''],
  'exit with threads in the device': [0, ''],
  'exit in a callback': [0, 'came to its end\n'],
  'uncaught exception': [1, ''],
  'nothing left to do': [0, 'came to its end\n'],
  'the creating thread is terminated': [0, 'ERR_DLB_CLOSED\ncame to its end\n'],
  'the creating thread exits': [0, 'came to its end\n'],
  'threads are terminated at random': [0, ''],
  'threads are terminated in the midst of calls': [0, ''],
}

if (supported) testEndings(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function testEndings(standIn: StandIn): void {
  for (const [name, [code, stdout]] of Object.entries(endings)) {
    t.test(`nothing is left of a process that ends so: ${name}`, async (t) => {
      const ended = await runNode([program, name], standIn.env())
      t.same({ code: ended.code, signal: ended.signal, stdout: ended.stdout }, { code, signal: null, stdout })
      t.notMatch(ended.stderr, /breach/)
      t.same(standIn.files(), [])
    })
  }

  t.test('closing gives back every descriptor', async (t) => {
    const use = (): void => {
      const device = standIn.open(t)
      const domain = device.createDomain({ loadBalancedQueues: 1, loadBalancedPorts: 1 })
      const port = domain.attachPort(domain.createLoadBalancedPort({ cqDepth: 8 }))
      port.onReadable(() => undefined)
      domain.start()
      domain.close()
      device.close()
    }
    // The loop lets go of an eventfd in its next turn.
    const settle = async (): Promise<void> => {
      for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate)
    }
    use()
    await settle()
    const before = openDescriptors().length
    for (let i = 0; i < 20; i++) use()
    await settle()
    t.equal(openDescriptors().length, before)
  })

  standIn.finish()
}
