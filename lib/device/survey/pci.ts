import path from 'node:path'
import { line, linkName, names, realName } from './files.ts'

/** A PCI function of a DLB device. */
export interface PciFunction {
  /** Such as `0000:6d:00.0`. */
  readonly address: string
  /** Intel's device id, such as `2710`. */
  readonly device: string
  readonly version: 'DLB 2.0' | 'DLB 2.5'
  /** A physical function (PF), or a virtual one (VF, by SR-IOV). */
  readonly function: 'PF' | 'VF'
  /** The kernel driver that has the function, or null. */
  readonly driver: string | null
  /** null if the machine does not tell. */
  readonly numaNode: number | null
}

/** A device by the number that the driver gave it: the n of /dev/dlb<n>. */
export interface DriverDevice {
  readonly id: number
  readonly pciAddress: string | null
}

const intel = '0x8086'
/** The device ids, from DPDK's dlb2 driver. */
const functions: Readonly<Record<string, Pick<PciFunction, 'version' | 'function'>>> = {
  '0x2710': { version: 'DLB 2.0', function: 'PF' },
  '0x2711': { version: 'DLB 2.0', function: 'VF' },
  '0x2714': { version: 'DLB 2.5', function: 'PF' },
  '0x2715': { version: 'DLB 2.5', function: 'VF' },
}

/** For messages: the ids to look for with lspci. */
export const pciIds = Object.keys(functions).map((id) => `8086:${id.slice(2)}`)

/**
 * The machine's PCI functions. A container shows the host's, whatever devices are mapped into it.
 */
export function pciFunctions(sys: string): PciFunction[] {
  const folder = path.join(sys, 'bus/pci/devices')
  return names(folder).flatMap((address) => {
    const files = path.join(folder, address)
    const device = line(path.join(files, 'device')) ?? ''
    if (line(path.join(files, 'vendor')) !== intel || !Object.hasOwn(functions, device)) return []
    const driver = linkName(path.join(files, 'driver'))
    return [{ address, device: device.slice(2), ...functions[device], driver, numaNode: numaNode(files) }]
  })
}

/** The devices that the driver has made of PCI functions. */
export function driverDevices(sys: string): DriverDevice[] {
  const folder = path.join(sys, 'class/dlb2')
  return names(folder).flatMap((name) => {
    const id = /^dlb(\d+)$/.exec(name)?.[1]
    return id === undefined ? [] : [{ id: Number(id), pciAddress: realName(path.join(folder, name, 'device')) }]
  })
}

function numaNode(files: string): number | null {
  const node = Number(line(path.join(files, 'numa_node')) ?? -1)
  return Number.isInteger(node) && node >= 0 ? node : null
}
