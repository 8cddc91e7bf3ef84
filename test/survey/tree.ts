import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Test } from 'tap'
import type { Roots } from '../../lib/device/survey/files.ts'

/** A machine, as its kernel would show it. */
export interface Shape {
  /** The dlb2 module; its version if it states one. */
  readonly module?: string | null
  readonly functions?: readonly {
    readonly address: string
    /** The device's number, such as `0x2710`. */
    readonly device: string
    readonly vendor?: string
    readonly driver?: string
    readonly numaNode?: number
  }[]
  /** The driver's devices: number → PCI address. */
  readonly devices?: Readonly<Record<number, string>>
  /** /dev/dlb<n> → mode. */
  readonly files?: Readonly<Record<number, number>>
  readonly numaNodes?: readonly string[]
}

/** Makes its /dev, /sys and /tmp; the end of the test removes them. */
export function makeTree(t: Test, { module, functions = [], devices = {}, files = {}, numaNodes = [] }: Shape): Roots {
  const root = mkdtempSync(path.join(tmpdir(), 'node-dlb-machine-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  // Others may look into it: a test changes its user.
  chmodSync(root, 0o755)
  const roots = { dev: path.join(root, 'dev'), sys: path.join(root, 'sys'), tmp: path.join(root, 'tmp') }
  for (const folder of [roots.sys, path.join(roots.dev, 'shm'), roots.tmp]) mkdirSync(folder, { recursive: true })
  if (module !== undefined) write(path.join(roots.sys, 'module/dlb2'), module === null ? {} : { version: module })
  for (const one of functions) makeFunction(roots.sys, one)
  for (const [id, address] of Object.entries(devices)) {
    const folder = path.join(roots.sys, `class/dlb2/dlb${id}`)
    write(folder, {})
    symlinkSync(path.join(roots.sys, 'bus/pci/devices', address), path.join(folder, 'device'))
  }
  numaNodes.forEach((cpulist, node) => void write(path.join(roots.sys, `devices/system/node/node${node}`), { cpulist }))
  for (const [id, mode] of Object.entries(files)) {
    write(roots.dev, { [`dlb${id}`]: '' })
    chmodSync(path.join(roots.dev, `dlb${id}`), mode)
  }
  return roots
}

function makeFunction(sys: string, one: NonNullable<Shape['functions']>[number]): void {
  const { address, device, vendor = '0x8086', driver, numaNode = -1 } = one
  const folder = path.join(sys, 'bus/pci/devices', address)
  write(folder, { device, vendor, numa_node: String(numaNode) })
  if (driver !== undefined) symlinkSync(path.join(sys, 'bus/pci/drivers', driver), path.join(folder, 'driver'))
}

function write(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), `${text}\n`)
}
