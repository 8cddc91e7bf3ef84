import { readdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { NodeDlbError } from '../../lib/device/index.ts'
import { StandIn, supported } from './stand-in.ts'

if (supported) testClosing(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

/** What the process has open, without the folder that is looked into. */
function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}

function failure(call: () => unknown): NodeDlbError {
  try {
    call()
  } catch (error) {
    if (error instanceof NodeDlbError) return error
  }
  throw new Error('it did not fail')
}

function testClosing(standIn: StandIn): void {
  const clear = (t: Test) => t.teardown(() => standIn.control('clear-faults'))

  t.test(
    'whatever errno a domain cannot be created with, the device can be closed and leaves nothing open',
    async (t) => {
      clear(t)
      for (const errno of ['EIO', 'ENOMEM', 'EINVAL', 'EPERM', 'ENODEV', 'EMFILE', '-1']) {
        const before = descriptors()
        const device = standIn.open(t)
        standIn.control(`fail dlb_create_sched_domain 1 ${errno}`)
        const error = failure(() => device.createDomain({ directedPorts: 1 }))
        t.match(error.cause, { syscall: 'dlb_create_sched_domain', code: errno === '-1' ? 'EIO' : errno })
        device.close()
        device.close()
        t.equal(descriptors(), before, errno)
        t.throws(() => device.resources(), { code: 'ERR_DLB_CLOSED' })
      }
    },
  )

  t.test('a domain that libdlb does not end is given up, and the device closed without libdlb', async (t) => {
    clear(t)
    const before = descriptors()
    const device = standIn.open(t)
    const domain = device.createDomain({ directedPorts: 1 })
    const port = domain.attachPort(domain.createDirectedPort({ cqDepth: 8 }))
    domain.start()
    standIn.control('refuse-domain-alerts')
    const error = failure(() => domain.close())
    t.match(error, { code: 'ERR_DLB_DEVICE_FAILED', message: /within 5 s.*open the device again/ })
    t.match(error.cause, { syscall: 'dlb_reset_sched_domain', code: 'ETIMEDOUT' })
    t.throws(() => port.receive(domain.createEvents(1), 1), { code: 'ERR_DLB_CLOSED' })
    t.throws(() => device.createDomain({}), { code: 'ERR_DLB_DEVICE_FAILED' }, 'its handle is of no use any more')
    device.close()
    standIn.control('clear-faults')
    // Libdlb's own socket of the domain, and the stand-in's means to see who has the domain.
    t.equal(descriptors(), before + 2)
    const anew = standIn.open(t)
    anew.createDomain({ directedPorts: 1 }).close()
  })

  t.test("what was done to the stand-in's libdlb was what was meant", async (t) => {
    t.same(standIn.breaches(), [])
  })
}
