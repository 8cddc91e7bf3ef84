import { accessSync, constants, statfsSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { deviceFiles } from '../dlb/library.ts'
import { attempt, line, names, type Roots, realRoots } from './files.ts'
import { type DriverDevice, driverDevices, type PciFunction, pciFunctions } from './pci.ts'

/**
 * The facts about a machine that matter to DLB. They are read from the kernel's files, without
 * libdlb and the addon.
 */
export interface Machine {
  /** Such as `linux x64`. */
  readonly platform: string
  readonly kernel: string
  readonly node: string
  readonly cpu: { readonly model: string; readonly count: number }
  readonly numaNodes: readonly NumaNode[]
  /** The user of this process; uid 0 and no groups where the system has no such thing. */
  readonly user: { readonly uid: number; readonly groups: readonly number[] }
  readonly driver: Driver
  /** The PCI functions of DLB devices. */
  readonly pciFunctions: readonly PciFunction[]
  /** The driver's devices. A container may have files for fewer of them. */
  readonly driverDevices: readonly DriverDevice[]
  readonly deviceFiles: readonly DeviceFile[]
  /** The folders in which libdlb makes files for each domain: /dev/shm and /tmp. */
  readonly folders: readonly Folder[]
}

export interface NumaNode {
  readonly node: number
  /** Such as `0-55,112-167`. */
  readonly cpus: string
}

export interface Driver {
  readonly name: 'dlb2'
  readonly loaded: boolean
  /** null if the module does not tell. */
  readonly version: string | null
}

export interface DeviceFile {
  readonly id: number
  readonly path: string
  /** Such as `0660`. */
  readonly mode: string
  readonly uid: number
  readonly gid: number
  /** Whether mode and owner let this process read and write it. */
  readonly usable: boolean
}

export interface Folder {
  readonly path: string
  readonly writable: boolean
  readonly freeBytes: number | null
}

export function readMachine(roots: Roots = realRoots): Machine {
  const cpus = os.cpus()
  return {
    platform: `${process.platform} ${process.arch}`,
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    cpu: { model: cpus[0]?.model.trim() ?? 'unknown', count: cpus.length },
    numaNodes: numaNodes(roots.sys),
    user: { uid: process.getuid?.() ?? 0, groups: process.getgroups?.() ?? [] },
    driver: readDriver(roots.sys),
    pciFunctions: pciFunctions(roots.sys),
    driverDevices: driverDevices(roots.sys),
    deviceFiles: deviceFiles(roots.dev).flatMap((id) => readDeviceFile(roots.dev, id)),
    folders: [path.join(roots.dev, 'shm'), roots.tmp].map(readFolder),
  }
}

/** The PCI function behind /dev/dlb<id>, if the machine shows it. */
export function functionOf({ driverDevices, pciFunctions }: Machine, id: number): PciFunction | undefined {
  const address = driverDevices.find((device) => device.id === id)?.pciAddress
  return pciFunctions.find((candidate) => candidate.address === address)
}

function numaNodes(sys: string): NumaNode[] {
  const folder = path.join(sys, 'devices/system/node')
  return names(folder).flatMap((name) => {
    const node = /^node(\d+)$/.exec(name)?.[1]
    const cpus = line(path.join(folder, name, 'cpulist'))
    return node === undefined || cpus === null ? [] : [{ node: Number(node), cpus }]
  })
}

function readDriver(sys: string): Driver {
  const folder = path.join(sys, 'module/dlb2')
  const loaded = attempt(() => statSync(folder).isDirectory()) ?? false
  return { name: 'dlb2', loaded, version: line(path.join(folder, 'version')) }
}

function readDeviceFile(dev: string, id: number): DeviceFile[] {
  const file = path.join(dev, `dlb${id}`)
  const stats = attempt(() => statSync(file))
  if (stats === null) return []
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0')
  return [{ id, path: file, mode, uid: stats.uid, gid: stats.gid, usable: permits(file, constants.R_OK) }]
}

function readFolder(folder: string): Folder {
  const space = attempt(() => statfsSync(folder))
  const freeBytes = space === null ? null : space.bavail * space.bsize
  return { path: folder, writable: permits(folder, constants.X_OK), freeBytes }
}

function permits(file: string, mode: number): boolean {
  return attempt(() => accessSync(file, mode | constants.W_OK)) !== null
}
