import { fileURLToPath } from 'node:url'
import t from 'tap'
import { describe, measuredDevice } from '../../bench/lib/measured.ts'
import { type DlbDevice, openDevice } from '../../lib/device/index.ts'
import { readMachine } from '../../lib/device/survey/machine.ts'
import { type Outcome, runNode } from '../programs.ts'
import { buildSim, simLibrary } from '../sim/library.ts'
import { makeTree } from './tree.ts'

const program = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const env = { NODE_DLB_DEVICE: undefined, NODE_DLB_LIBRARY: undefined, DLB_SIM: undefined }
const run = (name: string, ...args: string[]): Promise<Outcome> => runNode([program(name), ...args], env)
const conformance = 'test/conformance/main.js'
const bench = 'bench/main.js'

t.test('the software device is called so, and is no hardware', async (t) => {
  t.strictSame(measuredDevice({ device: 'software' }), {
    options: { device: 'software' },
    name: 'software device',
    facts: [],
  })
  t.throws(() => measuredDevice({ device: 'software', requireHardware: true }), { message: /the software device, and/ })
})

t.test('a device of the machine is named with its place and driver', async (t) => {
  const functions = [{ address: '0000:6d:00.0', device: '0x2710', driver: 'dlb2', numaNode: 1 }]
  const machine = readMachine(makeTree(t, { functions, module: '8.8.0', devices: { 3: '0000:6d:00.0' } }))
  const device = { kind: 'dlb', id: 3, version: 'DLB 2.0', library: '/opt/libdlb.so', standIn: false } as DlbDevice
  t.strictSame(describe(device, true, machine), {
    options: { device: 'dlb', id: 3, library: '/opt/libdlb.so' },
    name: 'dlb device 3, DLB 2.0',
    facts: ['/dev/dlb3, PCI 0000:6d:00.0 (PF), NUMA node 1', 'driver dlb2 8.8.0', 'libdlb /opt/libdlb.so'],
  })
  const { facts } = describe(device, true, readMachine(makeTree(t, {})))
  t.match(facts, ['/dev/dlb3, PCI function not known', 'driver dlb2 (of no stated version)'])
})

t.test('what cannot be had is an error that says so, and nothing runs', async (t) => {
  for (const name of [conformance, bench]) {
    const { code, stdout, stderr } = await run(name, '--device', 'dlb', '--library', '/nowhere/libdlb.so')
    t.match(
      { code, stdout, stderr },
      { code: 1, stdout: '', stderr: /^cannot (test|measure): .*\/nowhere\/libdlb\.so/ },
    )
    const software = await run(name, '--device', 'software', '--require-hardware')
    t.match(software, { code: 1, stdout: '', stderr: /the software device, and hardware is required/ })
    t.match(await run(name, '--device', 'fast'), { code: 2, stdout: '' })
  }
  t.match(await run(conformance, 'everything'), { code: 2, stderr: /there are contract, threads, deaths/ })
})

if (process.platform === 'linux' && process.arch === 'x64') {
  await buildSim()
  testStandIn()
}

function testStandIn(): void {
  t.test('the stand-in is called so wherever results are, and is no hardware', async (t) => {
    const device = openDevice({ device: 'dlb', library: simLibrary })
    device.close()
    t.equal(describe(device, false).name, 'stand-in for libdlb: not the device (it acts as DLB 2.5)')
    t.throws(() => describe(device, true), {
      message: /the stand-in for libdlb: not the device .* hardware is required/,
    })
    for (const name of [conformance, bench]) {
      const { code, stdout } = await run(name, '--device', 'dlb', '--library', simLibrary, '--require-hardware')
      t.match({ code, stdout }, { code: 1, stdout: '' })
    }
  })

  t.test('figures on the stand-in have its name above them', async (t) => {
    const args = ['--device', 'dlb', '--library', simLibrary, '--rounds', '1', '--no-out', 'directed, one thread']
    const { code, stdout, stderr } = await run(bench, ...args)
    t.match({ code, stderr }, { code: 0, stderr: '' })
    t.match(stdout, /^stand-in for libdlb: not the device/)
    t.match(
      stdout,
      /^stand-in for libdlb: not the device .*: median.*\n\ndevice +million.*\ndirected, one thread alone +\d/m,
    )
    t.notMatch(stdout, /hardware/i)
  })
}
