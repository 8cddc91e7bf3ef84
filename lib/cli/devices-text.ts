import type { Resources } from '../device/device.ts'
import { functionOf, type Machine } from '../device/survey/machine.ts'
import type { DeviceReport } from '../device/survey/probe.ts'
import type { DevicesReport } from '../device/survey/report.ts'
import { tableLines, wrap } from './table.ts'

const width = 100
const labelWidth = 14
const resources: readonly (readonly [keyof Resources, string])[] = [
  ['domains', 'domains'],
  ['loadBalancedQueues', 'queues'],
  ['loadBalancedPorts', 'ports'],
  ['directedPorts', 'directed'],
  ['eventStateEntries', 'entries'],
  ['credits', 'credits'],
  ['sequenceNumberSlots', 'ordered'],
]

/** The report for people, at most 100 columns wide. */
export function reportText(report: DevicesReport): string {
  const sections = [
    headline(report),
    summary(report),
    freeTable(report),
    capabilityTable(report.devices),
    fileTable(report.machine),
    printed(report.printed),
    problems(report),
  ]
  const lines = sections.filter((section) => section.length > 0).map((section) => section.join('\n'))
  return `${lines.join('\n\n')}\n`
}

function headline({ library, devices, hardware, machine }: DevicesReport): string[] {
  if (library?.standIn) {
    return wrap(
      'The library is the stand-in for libdlb: not the device. What it shows is software, and no DLB hardware.',
      width,
    )
  }
  if (hardware) return [count(devices.filter(({ error }) => error === null).length, 'DLB device')]
  const functions = machine.pciFunctions.length
  return [functions > 0 ? `No DLB device opens, and the PCI bus has ${functions}` : 'No DLB device']
}

function summary({ library, machine, auto, environment }: DevicesReport): string[] {
  const { driver, cpu, numaNodes } = machine
  const version = driver.version === null ? ', of no stated version' : ` ${driver.version}`
  return [
    ...entry('auto', auto === null ? 'not known' : `${choiceText(auto)}: ${auto.reason}`),
    ...(environment.NODE_DLB_DEVICE === null
      ? []
      : entry('', `NODE_DLB_DEVICE=${environment.NODE_DLB_DEVICE} replaces auto where no option names a device`)),
    ...entry('library', library === null ? 'not known' : libraryText(library)),
    ...entry('driver', driver.loaded ? `${driver.name}${version}` : `${driver.name} is not loaded`),
    ...entry('CPUs', `${cpu.count} × ${cpu.model}`),
    ...numaNodes.flatMap(({ node, cpus }) => entry(`NUMA node ${node}`, `CPUs ${cpus}`)),
    ...entry('user', `uid ${machine.user.uid}, groups ${machine.user.groups.join(', ')}`),
    ...entry('system', `${machine.kernel}, ${machine.platform}, Node ${machine.node}`),
  ]
}

function choiceText({ kind, id, version }: NonNullable<DevicesReport['auto']>): string {
  if (kind === null) return 'would fail'
  return kind === 'software' ? 'the software device' : `dlb device ${id}, ${version}`
}

function libraryText({ name, file, standIn, error }: NonNullable<DevicesReport['library']>): string {
  if (file !== null) return standIn ? `${file} (the stand-in for libdlb)` : file
  if (error?.code === 'ERR_DLB_ADDON_UNAVAILABLE') return `${name} was not tried: that needs the addon`
  return `none: ${error?.cause ?? error?.message ?? name}`
}

function freeTable({ devices, software }: DevicesReport): string[] {
  const row = (name: string, version: string, free: Resources | null): string[] => [
    name,
    version,
    ...resources.map(([key]) => String(free?.[key] ?? '–')),
  ]
  const rows = devices.map(({ id, version, error, resources }) =>
    row(`dlb${id}`, version ?? `does not open${error?.errno ? ` (${error.errno})` : ''}`, resources),
  )
  if (software !== null) rows.push(row('software', software.version, software.resources))
  if (rows.length === 0) return []
  return ['Free now', ...tableLines([['device', 'version', ...resources.map(([, head]) => head)], ...rows])]
}

function capabilityTable(devices: readonly DeviceReport[]): string[] {
  const lines = devices.flatMap(({ id, capabilities }) => {
    if (capabilities === null) return []
    const can = Object.entries(capabilities).filter(([, has]) => has)
    return entry(`dlb${id}`, can.map(([name]) => name).join(', '))
  })
  return lines.length === 0 ? [] : ['Capabilities', ...lines]
}

function fileTable(machine: Machine): string[] {
  const { deviceFiles, driverDevices, pciFunctions } = machine
  const ids = [...new Set([...deviceFiles, ...driverDevices].map(({ id }) => id))].sort((a, b) => a - b)
  const rows = ids.map((id) => {
    const file = deviceFiles.find((candidate) => candidate.id === id)
    const access = file === undefined ? ['–', '–', '–'] : [file.mode, `${file.uid}:${file.gid}`, yes(file.usable)]
    return [file?.path ?? `no /dev/dlb${id}`, ...access, ...pciCells(functionOf(machine, id))]
  })
  const numbered = new Set(ids.map((id) => functionOf(machine, id)?.address))
  const others = pciFunctions.filter(({ address }) => !numbered.has(address))
  rows.push(...others.map((other) => ['–', '–', '–', '–', ...pciCells(other)]))
  if (rows.length === 0) return []
  const heads = ['file', 'mode', 'owner', 'read, write', 'PCI', 'is', 'driver', 'NUMA node']
  return ['Files and PCI functions', ...tableLines([heads, ...rows])]
}

function pciCells(one: Machine['pciFunctions'][number] | undefined): string[] {
  if (one === undefined) return ['–', '–', '–', '–']
  return [one.address, `${one.version} ${one.function}`, one.driver ?? 'none', String(one.numaNode ?? '–')]
}

function printed(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['libdlb printed', ...lines.flatMap((line) => wrap(line, width, '  '))]
}

function problems({ problems }: DevicesReport): string[] {
  if (problems.length === 0) return ['No problems']
  return [
    count(problems.length, 'problem'),
    ...problems.flatMap(({ problem, fix }, i) => [
      ...wrap(problem, width, `${i + 1}. `, '   '),
      ...wrap(fix, width, '   -> ', '      '),
    ]),
  ]
}

function entry(label: string, text: string): string[] {
  return wrap(text, width, label.padEnd(labelWidth), ' '.repeat(labelWidth))
}

function yes(is: boolean): string {
  return is ? 'yes' : 'no'
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}
