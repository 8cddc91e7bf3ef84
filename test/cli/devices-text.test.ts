import t from 'tap'
import { reportText } from '../../lib/cli/devices-text.ts'
import { tableLines, wrap } from '../../lib/cli/table.ts'
import { readMachine } from '../../lib/device/survey/machine.ts'
import type { DeviceReport, Probe } from '../../lib/device/survey/probe.ts'
import { type DevicesReport, makeReport } from '../../lib/device/survey/report.ts'
import { makeTree } from '../survey/tree.ts'

const free = {
  domains: 32,
  loadBalancedQueues: 32,
  loadBalancedPorts: 64,
  directedPorts: 64,
  eventStateEntries: 2048,
  credits: 8192,
  sequenceNumberSlots: 16,
}
const capabilities = {
  flowIdOnReceive: true,
  classOfService: true,
  queueDepthThreshold: true,
  lockIdCompression: true,
  combinedCredits: false,
  eventWeight: false,
  fragments: false,
}
const opened: DeviceReport = { id: 0, version: 'DLB 2.0', standIn: false, capabilities, resources: free, error: null }
const error = { code: 'ERR_DLB_DEVICE_UNAVAILABLE', message: 'no', cause: 'no', errno: 'EACCES' }
const refused: DeviceReport = { ...opened, id: 1, version: null, capabilities: null, resources: null, error }
const probe: Probe = {
  library: { name: 'libdlb.so', file: '/opt/dlb/libdlb.so', standIn: false, error: null },
  devices: [opened, refused],
  software: { version: 'software', resources: free },
  auto: { kind: 'dlb', id: 0, version: 'DLB 2.0', reason: 'auto found it' },
}

/**
 * A server with two devices, one of which this user may not open, and a third that vfio-pci has.
 */
function serverReport(): DevicesReport {
  const functions = ['6d', '72', 'ea'].map((bus, i) => {
    const driver = bus === 'ea' ? 'vfio-pci' : 'dlb2'
    return { address: `0000:${bus}:00.0`, device: '0x2710', driver, numaNode: i >> 1 }
  })
  const devices = { 0: functions[0].address, 1: functions[1].address }
  const numaNodes = ['0-55,112-167', '56-111,168-223']
  const tree = makeTree(t, { module: '8.8.0', functions, devices, files: { 0: 0o660, 1: 0o600 }, numaNodes })
  const machine = readMachine({ ...tree })
  const deviceFiles = machine.deviceFiles.map((file) => {
    return { ...file, path: `/dev/dlb${file.id}`, uid: 0, gid: file.id === 0 ? 995 : 0, usable: file.id === 0 }
  })
  return makeReport({}, { probe, printed: ['driver status 3'], ending: null }, { ...machine, deviceFiles })
}

t.test('a server with devices, in tables of at most 100 columns', async (t) => {
  const report = serverReport()
  t.equal(report.hardware, true)
  const text = reportText(report)
  const [count, empty, auto, library, driver] = text.split('\n')
  t.strictSame([count, empty], ['1 DLB device', ''])
  t.match(auto, /^auto +dlb device 0, DLB 2\.0: auto found it$/)
  t.match([library, driver], [/^library +\/opt\/dlb\/libdlb\.so$/, /^driver +dlb2 8\.8\.0$/])
  t.match(text, /^NUMA node 1 +CPUs 56-111,168-223$/m)
  t.match(text, /^dlb0 +DLB 2\.0 +32 +32 +64 +64 +2048 +8192 +16$/m)
  t.match(text, /^dlb1 +does not open \(EACCES\) +– /m)
  t.match(text, /^dlb0 +flowIdOnReceive, classOfService, queueDepthThreshold, lockIdCompression$/m)
  t.match(text, /^\/dev\/dlb0 +0660 +0:995 +yes +0000:6d:00\.0 +DLB 2\.0 PF +dlb2 +0$/m)
  t.match(text, /^\/dev\/dlb1 +0600 +0:0 +no +0000:72:00\.0 +DLB 2\.0 PF +dlb2 +0$/m)
  t.match(text, /^– +– +– +– +0000:ea:00\.0 +DLB 2\.0 PF +vfio-pci +1$/m)
  t.match(text, /^libdlb printed\n {2}driver status 3$/m)
  t.match(text, /^2 problems\n1\. this user may not read and write \/dev\/dlb1: .*\n {3}-> give a group/m)
  t.same(
    text.split('\n').filter((line) => line.length > 100),
    [],
  )
})

t.test('columns of numbers are aligned to the right, others to the left', async (t) => {
  const rows = [
    ['name', 'n'],
    ['a', '5'],
    ['long name', '–'],
    ['b', '1024'],
  ]
  t.strictSame(tableLines(rows), ['name          n', 'a             5', 'long name     –', 'b          1024'])
})

t.test('text is wrapped between words, and a long word keeps its whole length', async (t) => {
  t.strictSame(wrap('one two three four', 9, '1. ', '   '), ['1. one', '   two', '   three', '   four'])
  t.strictSame(wrap('a /very/long/path b', 6), ['a', '/very/long/path', 'b'])
  t.strictSame(wrap('', 9, '> '), ['> '])
})
