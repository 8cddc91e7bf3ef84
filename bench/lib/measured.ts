import { type Device, type DlbDevice, type OpenOptions, openDevice } from '../../lib/device/index.ts'
import { functionOf, type Machine, readMachine } from '../../lib/device/survey/machine.ts'

export interface MeasuredOptions extends OpenOptions {
  /** Whether anything but a DLB device through Intel's libdlb is an error. */
  readonly requireHardware?: boolean
}

/** The device that figures or results belong to. */
export interface Measured {
  /** The options that open this device again, and no other. */
  readonly options: OpenOptions
  /** The device's name in titles. The stand-in is never called a device of DLB. */
  readonly name: string
  /** The facts that its figures have to be read with, beside the machine's facts. */
  readonly facts: readonly string[]
}

/**
 * Opens the device, to see which it is, and closes it.
 * @throws NodeDlbError if it does not open; Error if it is not what was required
 */
export function measuredDevice({ requireHardware = false, ...options }: MeasuredOptions): Measured {
  const device = openDevice(options)
  device.close()
  return describe(device, requireHardware)
}

export function describe(device: Device | DlbDevice, requireHardware: boolean, machine = readMachine()): Measured {
  const standIn = 'standIn' in device && device.standIn
  const is = name(device, standIn)
  if (requireHardware && (device.kind !== 'dlb' || standIn)) {
    throw new Error(`this is the ${is}, and hardware is required; what is missing, npx node-dlb devices says`)
  }
  if (!('library' in device)) return { options: { device: 'software' }, name: is, facts: [] }
  const { id, library } = device
  const facts = [...(standIn ? [] : hardwareFacts(machine, id)), `libdlb ${library}`]
  return { options: { device: 'dlb', id, library }, name: is, facts }
}

function name({ kind, id, version }: Device, standIn: boolean): string {
  if (kind === 'software') return 'software device'
  return standIn
    ? `stand-in for libdlb: not the device (it acts as ${version.replace(/ \(.*/, '')})`
    : `dlb device ${id}, ${version}`
}

function hardwareFacts(machine: Machine, id: number): string[] {
  const { driver } = machine
  const one = functionOf(machine, id)
  const place =
    one === undefined
      ? 'PCI function not known'
      : `PCI ${one.address} (${one.function}), NUMA node ${one.numaNode ?? 'not known'}`
  return [`/dev/dlb${id}, ${place}`, `driver ${driver.name} ${driver.version ?? '(of no stated version)'}`]
}
