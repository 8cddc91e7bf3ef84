import { readdirSync } from 'node:fs'
import { NodeDlbError } from '../../errors.ts'
import { loadAddon, type NativeAddon } from '../../native.ts'
import type { NativeDlbDevice } from '../../native-dlb.ts'
import { isSystemError, type SystemError } from './failure.ts'

/** libdlb's own limit on device numbers is not known; the driver counts from 0. */
const maxDevices = 64

/** Which library and device to open. */
export interface DlbOpenOptions {
  /** The n of /dev/dlb<n>, 0–63. Default: the lowest that can be opened. */
  readonly id?: number
  /**
   * Intel's libdlb: a file, or a name for dlopen(3) to look for. Default: the environment variable NODE_DLB_LIBRARY, then
   * `libdlb.so`.
   */
  readonly library?: string
}

export interface OpenedDevice {
  readonly native: NativeDlbDevice
  readonly id: number
}

/** @throws ERR_DLB_DEVICE_UNAVAILABLE, ERR_DLB_ADDON_UNAVAILABLE */
export function openNative({ id, library }: DlbOpenOptions): OpenedDevice {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw unavailable(`the DLB device needs Linux on x64, not ${process.platform} on ${process.arch}`)
  }
  const addon = loadAddon()
  const name = library ?? process.env.NODE_DLB_LIBRARY ?? 'libdlb.so'
  const ids = id === undefined ? listed() : [id]
  let first: NodeDlbError | undefined
  for (const candidate of ids) {
    try {
      return { native: open(addon, name, candidate), id: candidate }
    } catch (error) {
      if (!(error instanceof NodeDlbError)) throw error
      first ??= error
    }
  }
  throw first
}

/** The devices that are there. Without any, number 0, so that libdlb says what is wrong. */
function listed(): number[] {
  const ids = names('/dev')
    .map((name) => /^dlb(\d+)$/.exec(name)?.[1])
    .filter((id) => id !== undefined)
    .map(Number)
    .filter((id) => id < maxDevices)
    .sort((a, b) => a - b)
  return ids.length > 0 ? ids : [0]
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function open(addon: NativeAddon, library: string, id: number): NativeDlbDevice {
  try {
    return new addon.DlbDevice(library, id)
  } catch (error) {
    if (isSystemError(error)) throw cannotOpen(id, error)
    if ((error as NodeJS.ErrnoException).code === 'ELIBRARY') throw noLibrary(library, error as Error)
    throw error
  }
}

function noLibrary(library: string, cause: Error): NodeDlbError {
  return unavailable(
    `Intel's libdlb cannot be used: ${cause.message}. Build it from Intel's dlb_linux_src_release, and give the path of its ` +
      `libdlb.so as the option library or in NODE_DLB_LIBRARY (tried: ${library})`,
    cause,
  )
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such device: load the dlb2 driver, or map the device into the container',
  EACCES: 'this user may not open it: give read and write permission on it',
  EINVAL: 'the driver is being reset, or is not of the library’s version',
  EMFILE: 'this process has no file descriptors left',
}

function cannotOpen(id: number, cause: SystemError): NodeDlbError {
  return unavailable(
    `/dev/dlb${id} cannot be opened: ${reasons[cause.code] ?? 'see the cause'} (${cause.message})`,
    cause,
  )
}

function unavailable(message: string, cause?: Error): NodeDlbError {
  const advice = `${message}; or use device 'software' or 'auto'`
  return new NodeDlbError('ERR_DLB_DEVICE_UNAVAILABLE', advice, cause === undefined ? {} : { cause })
}
