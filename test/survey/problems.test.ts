import path from 'node:path'
import t, { type Test } from 'tap'
import { type Machine, readMachine } from '../../lib/device/survey/machine.ts'
import type { DeviceReport, Probe } from '../../lib/device/survey/probe.ts'
import type { Problem } from '../../lib/device/survey/problem.ts'
import { findProblems } from '../../lib/device/survey/problems.ts'
import { makeTree, type Shape } from './tree.ts'

const free = {
  domains: 32,
  loadBalancedQueues: 32,
  loadBalancedPorts: 64,
  directedPorts: 64,
  eventStateEntries: 2048,
  credits: 8192,
  sequenceNumberSlots: 16,
}
const opened: DeviceReport = {
  id: 0,
  version: 'DLB 2.0',
  standIn: false,
  capabilities: null,
  resources: free,
  error: null,
}
const noFile = {
  code: 'ERR_DLB_DEVICE_UNAVAILABLE',
  message: 'no libdlb',
  cause: 'libdlb.so: no such file',
  errno: null,
}
const found: Probe = {
  library: { name: 'libdlb.so', file: '/opt/libdlb.so', standIn: false, error: null },
  devices: [],
  software: { version: 'software', resources: free },
  auto: { kind: 'software', id: 0, version: 'software', reason: '' },
}
const pf = { address: '0000:6d:00.0', device: '0x2710' }
const bound = { ...pf, driver: 'dlb2' }
const whole: Shape = { module: '8.8.0', functions: [bound], devices: { 0: bound.address }, files: { 0: 0o660 } }

function problemsOf(t: Test, shape: Shape, probe: Partial<Probe> = {}, options: { id?: number } = {}): Problem[] {
  return problemsOn(readMachine(makeTree(t, shape)), probe, options)
}

function problemsOn(machine: Machine, probe: Partial<Probe>, options: { id?: number } = {}): Problem[] {
  return findProblems(options, machine, { probe: { ...found, ...probe }, printed: [], ending: null })
}

delete process.env.NODE_DLB_LIBRARY

if (process.platform === 'linux' && process.arch === 'x64') testProblems()
else t.pass('the DLB device is for Linux on x64')

function testProblems(): void {
  t.test('a machine without DLB lacks nothing, unless somebody wants it', async (t) => {
    const library = { ...found.library, file: null, error: noFile }
    t.same(problemsOf(t, {}, { library }), [])
    t.match(problemsOf(t, {}, { library }, { id: 3 }), [
      { about: 'device', problem: /no DLB, so no dlb device 3: no PCI device 8086:2710/, fix: /software device/ },
      { about: 'library', problem: /libdlb.so: no such file/, fix: /dlb_linux_src_release.*--library/ },
    ])
  })

  t.test('where all is well there is none', async (t) => {
    t.same(problemsOf(t, whole, { devices: [opened] }), [])
  })

  t.test('the driver is not loaded, or another has the device', async (t) => {
    t.match(problemsOf(t, { functions: [pf] }), [
      { about: 'driver', problem: /dlb2 is not loaded: PCI device 0000:6d:00.0/, fix: /insmod dlb2.ko$/ },
    ])
    const functions = [{ ...pf, driver: 'vfio-pci' }]
    t.match(problemsOf(t, { functions }), [{ fix: /insmod dlb2.ko; then .*drivers\/vfio-pci\/unbind.*dlb2\/bind/ }])
    t.match(problemsOf(t, { functions, module: null }), [{ problem: /has the driver vfio-pci, not dlb2/ }])
    t.match(problemsOf(t, { functions: [pf], module: null }), [{ problem: /has no driver/, fix: /dlb2\/bind/ }])
    t.match(problemsOf(t, { module: null, files: {}, devices: {} }, {}, { id: 0 }), [{ problem: /has no device/ }])
  })

  t.test('a container that was given no device', async (t) => {
    t.match(problemsOf(t, { ...whole, files: {} }), [
      { about: 'device-file', problem: /has dlb0, and \/dev has none/, fix: /--device \/dev\/dlb0.*dlb.intel.com\/pf/ },
    ])
    t.match(problemsOf(t, { ...whole, files: {}, devices: {} }), [{ problem: /there is no \/dev\/dlb<n>/ }])
  })

  t.test('no permission on the device file is said once', async (t) => {
    const machine = readMachine(makeTree(t, whole))
    const [file] = machine.deviceFiles
    const refused = { ...opened, error: { ...noFile, errno: 'EACCES' }, resources: null }
    t.match(problemsOn({ ...machine, deviceFiles: [{ ...file, usable: false }] }, { devices: [refused] }), [
      { about: 'device-file', problem: /may not read and write .*dlb0: its mode is 0660/, fix: /udev rule/ },
    ])
  })

  t.test('a device that does not open although its file permits it', async (t) => {
    for (const [errno, fix] of [
      ['EPERM', /--device/],
      ['EINVAL', /same release/],
      ['ENODEV', /dmesg/],
    ] as const) {
      const refused = { ...opened, error: { ...noFile, errno }, resources: null }
      t.match(problemsOf(t, whole, { devices: [refused] }), [{ about: 'device', fix }])
    }
  })

  t.test('nothing free', async (t) => {
    const devices = [{ ...opened, resources: { ...free, domains: 0, loadBalancedPorts: 0, directedPorts: 0 } }]
    t.match(problemsOf(t, whole, { devices }), [
      { about: 'resources', problem: 'dlb device 0 has no domain, no load-balanced port left', fix: /vf<n>_resources/ },
    ])
  })

  t.test('a device that stands in for the one that was asked for', async (t) => {
    const reason = 'dlb device 0 is not found, use dlb device 3 instead'
    const auto = { kind: 'dlb', id: 3, version: 'DLB 2.0', reason } as const
    const shape = { ...whole, devices: { 3: bound.address }, files: { 3: 0o660 } }
    t.same(problemsOf(t, shape, { auto, devices: [{ ...opened, id: 3 }] }), [])
    t.match(problemsOf(t, shape, { auto, devices: [{ ...opened, id: 3 }] }, { id: 0 }), [
      { problem: reason, fix: /no id, or 3/ },
    ])
  })

  t.test('folders that libdlb needs', async (t) => {
    const machine = readMachine(makeTree(t, whole))
    const [shm, tmp] = machine.folders
    const folders = [
      { ...shm, freeBytes: 4096 },
      { ...tmp, writable: false },
    ]
    t.match(problemsOn({ ...machine, folders }, {}), [
      { about: 'folder', problem: /shm has 4096 bytes left/, fix: /--shm-size/ },
      {
        about: 'folder',
        problem: `${path.resolve(tmp.path)} cannot be written: libdlb makes a file for each domain there`,
      },
    ])
  })

  t.test('the addon is missing, or trying ended badly', async (t) => {
    const error = { code: 'ERR_DLB_ADDON_UNAVAILABLE', message: 'm', cause: 'No native build\nand more', errno: null }
    t.match(problemsOf(t, {}, { library: { ...found.library, file: null, error } }), [
      { about: 'addon', problem: 'the native addon cannot be loaded: No native build', fix: /npm run build:addon/ },
    ])
    const ended = { probe: null, printed: [], ending: 'SIGSEGV' }
    t.match(findProblems({}, readMachine(makeTree(t, {})), ended), [{ problem: /ended early \(SIGSEGV\)/ }])
  })
}
