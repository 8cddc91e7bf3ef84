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
    process.env.NODE_DLB_LIBRARY = ''
    t.match(unavailable(() => openDlbDevice()).message, /libdlb\.so: cannot open.*tried: libdlb\.so/)
    process.env.NODE_DLB_LIBRARY = simLibrary
  })

  t.test('a device that is not there, or may not be opened', async (t) => {
    standIn.control('devices none')
    const absent = unavailable(() => openDlbDevice({ id: 1 }))
    t.match(absent, { message: /\/dev\/dlb1.*no such device/, cause: { code: 'ENOENT', syscall: 'dlb_open' } })
    standIn.control('devices 2+5')
    standIn.control('open EACCES')
    t.match(
      unavailable(() => openDlbDevice()),
      { message: /\/dev\/dlb2 .*may not open it/ },
    )
    t.match(
      unavailable(() => openDlbDevice({ id: 2 })),
      { message: /may not open it/, cause: { code: 'EACCES' } },
    )
    standIn.control('clear-faults')
    for (const id of [-1, 64, 0.5]) t.throws(() => openDlbDevice({ id }), { code: 'ERR_DLB_INVALID_ARGUMENT' })
  })

  t.test('in place of a device that is not there, the first that is', async (t) => {
    // Without an id, 0 is the one that is meant, as in Envoy.
    for (const options of [{ device: 'dlb', id: 0 }, { device: 'auto', id: 0 }, { device: 'dlb' }, {}] as const) {
      const other = openDevice(options)
      t.match(other, { kind: 'dlb', id: 2, reason: 'dlb device 0 is not found, use dlb device 2 instead' })
      other.close()
    }
    standIn.control('devices 0+2')
    t.match(standIn.open(t), { id: 0, reason: 'asked for' })
    standIn.control('devices 2+5')
    const it = openDevice({ device: 'dlb', id: 5 })
    t.match(it, { id: 5, reason: 'asked for' })
    it.close()
    standIn.control('open EACCES')
    t.match(
      unavailable(() => openDevice({ device: 'dlb', id: 5 })),
      { message: /\/dev\/dlb5 .*may not open it/ },
    )
    standIn.control('clear-faults')
  })

  t.test('auto takes it if it opens, else the software device, and says why', async (t) => {
    const found = openDevice()
    t.match(found, { kind: 'dlb', version: 'DLB 2.5 (stand-in)' })
    found.close()
    standIn.control('open EACCES')
    const fallback = openDevice()
    t.match(fallback, { kind: 'software', reason: /^instead of DLB: \/dev\/dlb2 cannot be opened: this user may not/ })
    standIn.control('clear-faults')
    t.match(openDevice({ library: bscLibrary }), { kind: 'software', reason: /Barcelona/ })
    t.match(openDevice({ device: 'dlb', library: '/nowhere', fallback: 'software' }), { kind: 'software' })
    for (const wrong of [{ device: 'fast' }, { fallback: 'nop' }, { id: 99 }]) {
      t.throws(() => openDevice(wrong as object), { code: 'ERR_DLB_INVALID_ARGUMENT' })
    }
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
