import { spawnSync } from 'node:child_process'
import t from 'tap'
import { attachDomain, type NodeDlbError, openDevice, openDlbDevice } from '../../lib/device/index.ts'
import { bscLibrary, simLibrary } from '../sim/library.ts'
import { StandIn, supported } from './stand-in.ts'

if (supported) testOpening(await StandIn.load('devices=2+5'))
else t.pass('libdlb is for Linux on x64')

function unavailable(open: () => unknown): NodeDlbError {
  try {
    open()
  } catch (error) {
    t.match(error, { code: 'ERR_DLB_DEVICE_UNAVAILABLE' })
    return error as NodeDlbError
  }
  throw new Error('it opened')
}

function testOpening(standIn: StandIn): void {
  t.test('what is not libdlb is named, and how to get it', async (t) => {
    const absent = unavailable(() => openDlbDevice({ library: '/nowhere/libdlb.so' }))
    t.match(absent.message, /\/nowhere\/libdlb\.so: cannot open.*NODE_DLB_LIBRARY/)
    t.ok(absent.cause instanceof Error)
    const foreign = unavailable(() => openDlbDevice({ library: bscLibrary }))
    t.match(foreign.message, /Barcelona Supercomputing Center/)
    t.match(foreign.message, bscLibrary)
    t.match(unavailable(() => openDlbDevice({ library: 'libc.so.6' })).message, /has no dlb_open/)
  })

  t.test('a device that is not there, or may not be opened', async (t) => {
    const absent = unavailable(() => openDlbDevice({ id: 0 }))
    t.match(absent, { message: /\/dev\/dlb0.*no such device/, cause: { code: 'ENOENT', syscall: 'dlb_open' } })
    standIn.control('open EACCES')
    t.match(
      unavailable(() => openDlbDevice({ id: 2 })),
      { message: /may not open it/, cause: { code: 'EACCES' } },
    )
    standIn.control('clear-faults')
    standIn.control('open 0')
    for (const id of [-1, 64, 0.5]) t.throws(() => openDlbDevice({ id }), { code: 'ERR_DLB_INVALID_ARGUMENT' })
  })

  t.test('a device says what it is', async (t) => {
    const device = openDevice({ device: 'dlb', id: 5, library: simLibrary })
    t.match(device, { kind: 'dlb', id: 5, version: 'DLB 2.5', reason: 'asked for', library: simLibrary })
    t.match(device.capabilities, { combinedCredits: true, eventWeight: true, flowIdOnReceive: true })
    const other = openDevice({ device: 'dlb', id: 2 })
    t.equal(other.id, 2)
    device.close()
    other.close()
  })

  t.test('a text of the token is no token', async (t) => {
    const device = standIn.open(t, 5)
    const domain = device.createDomain({})
    t.throws(() => attachDomain(JSON.parse(JSON.stringify(domain.share()))), { code: 'ERR_DLB_INVALID_ARGUMENT' })
    const token = structuredClone(domain.share())
    attachDomain(token).close()
    domain.close()
    t.throws(() => attachDomain(token), { code: 'ERR_DLB_CLOSED' })
  })

  t.test('children inherit no descriptor of the device', async (t) => {
    const device = standIn.open(t, 5)
    const domain = device.createDomain({ directedPorts: 1 })
    const port = domain.attachPort(domain.createDirectedPort({ cqDepth: 8 }))
    port.onReadable(() => undefined)
    const list = 'ls -l /proc/self/fd | grep -vE "pipe:|/dev/null|/proc/|total" | wc -l'
    const { stdout } = spawnSync('/bin/sh', ['-c', list], { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' })
    t.equal(stdout.trim(), '0')
    domain.close()
  })

  standIn.finish()
}
