import { rmSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { functionOf, type Machine, readMachine } from '../../lib/device/survey/machine.ts'
import { runNode } from '../programs.ts'
import { makeTree } from './tree.ts'

t.test('the files of a server with two devices, one of them with a virtual function', async (t) => {
  const roots = makeTree(t, {
    module: '8.8.0',
    functions: [
      { address: '0000:6d:00.0', device: '0x2710', driver: 'dlb2', numaNode: 0 },
      { address: '0000:6d:00.1', device: '0x2711', driver: 'dlb2', numaNode: 0 },
      { address: '0000:ea:00.0', device: '0x2714', driver: 'vfio-pci', numaNode: 1 },
      { address: '0000:00:01.0', device: '0x2710', vendor: '0x1af4' },
      { address: '0000:00:02.0', device: '0x1234' },
    ],
    devices: { 0: '0000:6d:00.0', 10: '0000:6d:00.1' },
    files: { 0: 0o660, 10: 0o600 },
    numaNodes: ['0-55,112-167', '56-111,168-223'],
  })
  const machine = readMachine(roots)
  t.match(machine.driver, { name: 'dlb2', loaded: true, version: '8.8.0' })
  t.strictSame(machine.pciFunctions, [
    { address: '0000:6d:00.0', device: '2710', version: 'DLB 2.0', function: 'PF', driver: 'dlb2', numaNode: 0 },
    { address: '0000:6d:00.1', device: '2711', version: 'DLB 2.0', function: 'VF', driver: 'dlb2', numaNode: 0 },
    { address: '0000:ea:00.0', device: '2714', version: 'DLB 2.5', function: 'PF', driver: 'vfio-pci', numaNode: 1 },
  ])
  t.strictSame(machine.driverDevices, [
    { id: 0, pciAddress: '0000:6d:00.0' },
    { id: 10, pciAddress: '0000:6d:00.1' },
  ])
  t.match(machine.deviceFiles, [
    { id: 0, path: path.join(roots.dev, 'dlb0'), mode: '0660', usable: true },
    { id: 10, mode: '0600' },
  ])
  t.strictSame(machine.numaNodes, [
    { node: 0, cpus: '0-55,112-167' },
    { node: 1, cpus: '56-111,168-223' },
  ])
  t.equal(functionOf(machine, 10)?.address, '0000:6d:00.1')
  t.equal(functionOf(machine, 1), undefined)
})

t.test('a machine without any of it, and with hardly a file at all', async (t) => {
  const roots = makeTree(t, {})
  const nothing = { pciFunctions: [], driverDevices: [], deviceFiles: [], numaNodes: [] }
  t.match(readMachine(roots), { ...nothing, driver: { loaded: false, version: null } })
  for (const folder of Object.values(roots)) rmSync(folder, { recursive: true })
  t.match(readMachine(roots), { ...nothing, folders: [{ writable: false }, { writable: false, freeBytes: null }] })
})

t.test('a module without a version, and a device of unknown NUMA node', async (t) => {
  const functions = [{ address: '0000:6d:00.0', device: '0x2715' }]
  const machine = readMachine(makeTree(t, { module: null, functions }))
  t.match(machine.driver, { loaded: true, version: null })
  t.match(machine.pciFunctions, [{ version: 'DLB 2.5', function: 'VF', driver: null, numaNode: null }])
})

t.test('a file that this user may not open', async (t) => {
  const { stdout, stderr } = await readAsNobody(makeTree(t, { files: { 0: 0o600, 1: 0o666, 2: 0o444 } }))
  t.equal(stderr, '')
  const { deviceFiles } = JSON.parse(stdout) as Machine
  // A user who is not root keeps the rights of an owner.
  const own = process.getuid?.() !== 0
  t.strictSame(
    deviceFiles.map(({ usable }) => usable),
    [own, true, false],
  )
})

/** Root may open everything. */
function readAsNobody(roots: object): ReturnType<typeof runNode> {
  const module = new URL('../../lib/device/survey/machine.js', import.meta.url)
  const program = `
import { readMachine } from ${JSON.stringify(module.href)}
if (process.getuid() === 0) process.setuid(65534)
console.log(JSON.stringify(readMachine(${JSON.stringify(roots)})))`
  return runNode(['--input-type=module', '--eval', program])
}
