import { readdirSync } from 'node:fs'
import { NodeDlbError } from '../../errors.ts'
import { loadAddon } from '../../native.ts'
import type { DlbLibrary, NativeDlbDevice } from '../../native-dlb.ts'
import type { SystemError } from '../../system-error.ts'
import { isSystemError } from './failure.ts'

/** A bound on device numbers, which the driver counts from 0. libdlb's own bound is not known. */
const maxDevices = 64
const supported = process.platform === 'linux' && process.arch === 'x64'
const onlyThere = `the DLB device needs Linux on x64, not ${process.platform} on ${process.arch}`

/** The library and the device to open. */
export interface DlbOpenOptions {
  /**
   * The n of /dev/dlb<n>, 0–63. If there is no such device, the lowest that exists is opened.
   * Default: 0, or if that cannot be opened either, the lowest that can.
   */
  readonly id?: number
  /**
   * Intel's libdlb: a file, or a name that dlopen(3) looks for. Default: the environment variable
   * NODE_DLB_LIBRARY, then `libdlb.so`.
   */
  readonly library?: string
}

export interface OpenedDevice {
  readonly native: NativeDlbDevice
  readonly id: number
  /**
   * A sentence for `reason` if another device was opened because the wanted one (by default 0) does
   * not exist; else null.
   */
  readonly instead: string | null
}

/**
 * The reason for which there cannot be a DLB device here; null if there may be one. This loads
 * nothing.
 */
export function noDlbDevice({ library }: DlbOpenOptions): string | null {
  if (!supported) return onlyThere
  // A caller that names a library wants to use it, and a stand-in for libdlb needs no device file.
  if ((library ?? named()) !== undefined || deviceFiles().length > 0) return null
  return 'there is no DLB device: no /dev/dlb<n>'
}

/** The variable NODE_DLB_LIBRARY. An empty one counts as not set. */
function named(): string | undefined {
  return process.env.NODE_DLB_LIBRARY || undefined
}

/** The n of each /dev/dlb<n>. */
export function deviceFiles(folder = '/dev'): number[] {
  return names(folder)
    .map((name) => /^dlb(\d+)$/.exec(name)?.[1])
    .filter((id) => id !== undefined)
    .map(Number)
    .filter((id) => id < maxDevices)
    .sort((a, b) => a - b)
}

/**
 * Loads libdlb without opening a device. @throws ERR_DLB_DEVICE_UNAVAILABLE,
 * ERR_DLB_ADDON_UNAVAILABLE
 */
export function inspectLibrary({ library }: DlbOpenOptions): DlbLibrary {
  if (!supported) throw unavailable(onlyThere)
  const name = library ?? named() ?? 'libdlb.so'
  try {
    return loadAddon().inspectDlbLibrary(name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELIBRARY') throw noLibrary(name, error as Error)
    throw error
  }
}

/**
 * Opens a device. With `id`, this is the device of that number, or the first that opens if that one
 * does not exist. Without `id`, it is the first that opens, starting with 0, as in Envoy.
 * @throws ERR_DLB_DEVICE_UNAVAILABLE, ERR_DLB_ADDON_UNAVAILABLE
 */
export function openNative(options: DlbOpenOptions): OpenedDevice {
  const { id } = options
  const library = inspectLibrary(options)
  const wanted = id ?? 0
  let isThere = deviceNumbers(library).includes(wanted)
  let failure: SystemError | undefined
  let failed = 0
  for (const candidate of candidates(id, library)) {
    try {
      const native = new (loadAddon().DlbDevice)(library.file, candidate)
      const instead = isThere ? null : `dlb device ${wanted} is not found, use dlb device ${candidate} instead`
      return { native, id: candidate, instead }
    } catch (error) {
      if (!isSystemError(error)) throw error
      if (candidate === wanted && error.code === 'ENOENT') isThere = false
      // ENOENT says less than the reason for which another device does not open.
      if (failure === undefined || (failure.code === 'ENOENT' && error.code !== 'ENOENT')) {
        failure = error
        failed = candidate
      }
      // The wanted device exists and does not open: the user should learn that.
      if (candidate === id && error.code !== 'ENOENT') break
    }
  }
  throw cannotOpen(failed, failure as SystemError)
}

/**
 * Opens the device with this `id`, and never another one.
 * @throws what `openNative` throws; the cause's code is ENOENT if there is no such device
 */
export function openExactly(options: DlbOpenOptions): OpenedDevice {
  const { id = 0 } = options
  const { file } = inspectLibrary(options)
  try {
    return { native: new (loadAddon().DlbDevice)(file, id), id, instead: null }
  } catch (error) {
    throw isSystemError(error) ? cannotOpen(id, error) : error
  }
}

/**
 * The numbers that devices may have. The stand-in's devices have no files, so every number has to
 * be tried.
 */
export function deviceNumbers({ standIn }: DlbLibrary): number[] {
  return standIn ? Array.from({ length: maxDevices }, (_, n) => n) : deviceFiles()
}

/**
 * The devices to try, the wanted one first. If none exists, a missing one is tried nevertheless, so
 * that libdlb says what is wrong.
 */
function candidates(id: number | undefined, library: DlbLibrary): number[] {
  const present = deviceNumbers(library)
  if (id !== undefined) return [id, ...present.filter((other) => other !== id)]
  return present.length > 0 ? present : [0]
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function noLibrary(library: string, cause: Error): NodeDlbError {
  return unavailable(
    `Intel's libdlb cannot be used: ${cause.message}. Build it from Intel's dlb_linux_src_release, and give the ` +
      `path of its libdlb.so as the option library or in NODE_DLB_LIBRARY (tried: ${library})`,
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
  return new NodeDlbError('ERR_DLB_DEVICE_UNAVAILABLE', message, cause === undefined ? {} : { cause })
}
